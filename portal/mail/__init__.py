"""The e-mails that tell viewers what was done: letters, the outbox, the mailer, and SMTP."""
