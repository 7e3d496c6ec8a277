"""What the tests of `deploy/` share: processes, servers, pictures. Tests import from here, never from each other."""
