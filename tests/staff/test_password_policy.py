"""Which passwords an agent may choose: long ones that nobody tries first, of any characters."""

from portal.staff import passwords
from portal.staff.password_policy import PasswordFault, fault

CONTEXT = ("Example TV", "tv.example.com", "newcomer", "Bob Builder", "bob@example.com")
TOO_SHORT = ("", "a", "Tr0ub4dor&3", "x" * 11)
COMMON = (
    *("passwordpassword", "Password1234!", "P4ssw0rd!2026", "pa55word pa55word", "PASSWORT-2026"),
    *("contraseña123456", "qwertyuiop123", "1q2w3e4r5t6y", "asdfghjkl;asdf", "!@#$%^&*()_+"),
    *("qazwsxedcrfv", "azertyuiop12", "zyxwvutsrqpo", "123456789012", "098765432109", "aaaaaaaaaaaa"),
    *("abcabcabcabc", "abcdabcdabcdabcd", "111111222222", "2026202620262026"),
    *("correct horse battery staple", "letmein letmein", "iloveyou2026", "Welcome2026!", "Summer2026!!"),
    *("Sommer 2026 Herbst", "Example TV 2026", "newcomer2026!", "bobbuilder12", "BobBuilder!2026"),
    *("exampletv1234", "tv.example.com", "newcomer newcomer", "            ", "............"),
    "Ｐａｓｓｗｏｒｄ1234!",
)
GOOD = (
    *("seven wet umbrellas sing", "x7#kQ-p2vL!w", "the kettle argues at noon"),
    *("korova tantsuet na kryshe", "gqmrx-3f7ah-vwk29-psut8", "корова танцует на крыше"),
    *("七つの濡れた傘が歌っている夜", "naïve café über straße", "🦊🚲🧵🪁🎻🧊🪐🌵🧄🥁🪶🧭"),
    "ééééxylophonmus",
    "wordless thoughts of a lighthouse keeper who counts the waves " * 3,
)


def test_length_counts_and_no_kind_of_character() -> None:
    assert {fault(password, CONTEXT) for password in TOO_SHORT} == {PasswordFault.TOO_SHORT}
    assert fault("seven wet umbrellas sing " * 20, CONTEXT) is PasswordFault.TOO_LONG
    assert [password for password in GOOD if fault(password, CONTEXT)] == []


def test_what_everybody_chooses_is_refused_with_names_that_a_guesser_knows() -> None:
    assert [password for password in COMMON if fault(password, CONTEXT) is not PasswordFault.COMMON] == []


def test_a_password_is_the_same_in_every_form_of_its_characters() -> None:
    composed, decomposed = "caf\u00e9 in the old harbour", "cafe\u0301 in the old harbour"
    assert passwords.verify(decomposed, passwords.hash_password(composed))
    assert not passwords.verify("cafe in the old harbour", passwords.hash_password(composed))


def test_a_generated_password_could_be_chosen() -> None:
    assert {fault(passwords.generate(4), CONTEXT) for _ in range(50)} == {None}
