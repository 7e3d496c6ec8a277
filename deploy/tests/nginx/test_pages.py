"""A browser that sends the form by itself is answered with pages, whoever refuses it."""

import re
from pathlib import Path

import pytest

from support.http import Response, form, get, request
from support.nginx import Proxied, proxied
from support.pictures import png
from support.processes import stop

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
TOO_LARGE = b"x" * 1_300_000


def post(url: str, picture: bytes, accept: str = BROWSER) -> Response:
    kind, body = form(picture)
    return request("POST", f"{url}/api/v1/images", body, Content_Type=kind, Accept=accept)


def page(answer: Response, status: int) -> str:
    """Sees to it that an answer is a page, and gives it."""
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "Accept"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self';")
    html = answer.body.decode()
    assert html.startswith("<!doctype html>")
    assert '<a class="button button--primary answer__next" href="/">Back to the form</a>' in html
    assert "<script" not in html
    return html


def parts(html: str) -> tuple[list[str], list[str]]:
    """Gives what a page shows and what it loads, in order."""
    texts = [text.strip() for text in re.split(r"<[^>]*>", html)]
    return [text for text in texts if text], sorted(re.findall(r'(?:href|src|class)="[^"]*"', html))


def test_the_page_about_a_file_that_is_far_too_large_is_that_of_the_service(site: Proxied) -> None:
    by_nginx, by_service = post(site.url, TOO_LARGE), post(site.service.url, TOO_LARGE)
    assert parts(page(by_nginx, 413)) == parts(page(by_service, 413))
    assert by_nginx.headers["Content-Security-Policy"] == by_service.headers["Content-Security-Policy"]


def test_what_the_service_answers_comes_through(site: Proxied) -> None:
    assert "<h1>Your image is stored</h1>" in post(site.url, png()).body.decode()
    assert "<h1>This kind of file is not taken</h1>" in page(post(site.url, b"no picture"), 415)


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html;q=0.5"])
def test_programs_get_problem_details(site: Proxied, accept: str) -> None:
    answer = post(site.url, TOO_LARGE, accept)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "file-too-large"


def test_floods_and_a_service_that_is_away_are_told_in_words(tmp_path: Path) -> None:
    few = {"READ_RATE": "1/hour", "UPLOAD_RATE": "1/hour"}
    with proxied(tmp_path / "flood", for_nginx=few, READ_RATE="off", UPLOAD_RATE="off") as site:
        answers = [post(site.url, b"no picture") for _ in range(200)]
        refused = [answer for answer in answers if answer.status == 429]
        assert refused
        assert "<h1>Too many requests came from this address</h1>" in page(refused[0], 429)
        assert refused[0].headers["Retry-After"] == "5"
    with proxied(tmp_path / "away", UPLOAD_RATE="off") as site:
        stop(site.service.process)
        away = post(site.url, png())
        html = page(away, 503)
        assert "<h1>The service does not answer</h1>" in html
        assert away.headers["X-Request-Id"] in html
        assert away.headers["Retry-After"] == "5"


def test_the_pages_are_at_no_address_of_their_own(site: Proxied) -> None:
    assert get(f"{site.url}/_image_handler/page/file-too-large").status == 404
