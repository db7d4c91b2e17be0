"""Which refusals of a mail server are about this recipient or message, and which about us."""

from portal.mail.refusals import Refusal


def test_a_refusal_is_permanent_only_if_the_operator_can_mend_nothing() -> None:
    for answer, codes, recipient_fails, message_fails in (
        ("550 No such mailbox here: alice@example.com", "550", True, False),
        ("550 5.1.1 No such mailbox here", "550 5.1.1", True, True),
        ("550 5.2.1 The mailbox is disabled", "550 5.2.1", True, True),
        ("550 5.1.10 The domain takes no mail", "550 5.1.10", True, True),
        ("554 5.6.0 The content can't be read", "554 5.6.0", True, True),
        ("554 Message rejected: Email address is not verified.", "554", False, False),
        ("550 The from address does not match a verified sender", "550", True, False),
        ("554 5.7.1 help@example.com is not verified", "554 5.7.1", False, False),
        ("553 5.7.1 Sender address rejected", "553 5.7.1", False, False),
        ("553 5.1.8 The sender's domain was not found", "553 5.1.8", False, False),
        ("550 5.1.7 The sender's address is not valid", "550 5.1.7", False, False),
        ("550 5.4.5 The day's limit is reached", "550 5.4.5", False, False),
        ("550 4.7.1 Later", "550 4.7.1", False, False),
        ("503 5.5.1 First sign in", "503 5.5.1", False, False),
        ("530 5.7.0 Authentication required", "530 5.7.0", False, False),
        ("530 Sign in first", "530", False, False),
        ("554 Relay access denied", "554", False, False),
        ("550 5.1.1alice@example.com", "550", True, False),
        ("450 Try later, alice@example.com", "450", False, False),
        ("452 4.2.2 The mailbox is full", "452 4.2.2", False, False),
        ("421 Too busy", "421", False, False),
    ):
        code, _, text = answer.partition(" ")
        refusal = Refusal.of(int(code), text.encode())
        assert refusal == Refusal.of(int(code), text)
        assert str(refusal) == codes
        found = [refusal.is_permanent(is_of_recipient=is_of_recipient) for is_of_recipient in (True, False)]
        assert found == [recipient_fails, message_fails], answer
