DROP TABLE blocked_contents;
