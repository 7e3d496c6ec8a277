"""Proof of the templates: what the rendered stack has to be, and that a worse one is noticed."""
