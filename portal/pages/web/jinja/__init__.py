"""The Jinja of pages: it compiles each template once a language, and writes into it what no request changes."""
