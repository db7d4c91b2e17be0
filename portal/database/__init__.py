"""The database: one engine for SQLite or PostgreSQL, the sessions, and the migrations."""
