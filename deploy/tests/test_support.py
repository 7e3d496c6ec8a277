"""The parts that the other tests stand on do what they say."""

from pathlib import Path

from support.aws import endpoint
from support.http import get, upload
from support.mariadb import server
from support.pictures import png
from support.service import service


def test_a_picture_goes_through_the_real_service_database_and_bucket(tmp_path: Path) -> None:
    with server() as database, endpoint(tmp_path) as aws:
        database.run("CREATE DATABASE images")
        aws.client("s3").create_bucket(Bucket="pictures", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        settings = {
            "DATABASE_URL": f"mysql://root@127.0.0.1:{database.port}/images",
            "S3_BUCKET": "pictures",
            "S3_ENDPOINT": aws.url,
        }
        with service(tmp_path, **aws.environment(), **settings) as running:
            picture = png()
            image = upload(running.url, picture).json()
            assert image["storage"] == {"local": "stored", "s3": "stored", "record": "stored"}
            assert get(image["link"]).body == picture
            assert database.run("SELECT url FROM images", database="images") == image["url"]
            assert get(image["url"]).status == 403, "moto lets nobody in whom no policy lets in"
