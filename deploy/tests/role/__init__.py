"""The instance's role, the bucket's policy and the secrets, proven at run time on the real service."""
