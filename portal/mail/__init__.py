"""The emails that tell viewers what was done: messages, the outbox, the mailer, and SMTP."""
