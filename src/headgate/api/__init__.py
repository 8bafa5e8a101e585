"""The control API: the commands that look and decide, over HTTP; each calls the same read models and steps."""
