"""What passwords are made of that everybody chooses, and that whoever guesses tries first, in the pages' languages."""

# Words and names from the published lists of the most frequent passwords, in small letters and without spaces.
_WORDS = """
password passwort passwd kennwort contrasena contraseña motdepasse senha parola wachtwoord haslo secret geheim
secreto segredo letmein welcome willkommen bienvenue bienvenido bemvindo changeme trustno admin administrator root
superuser support service helpdesk customer default guest login logon signin access system server office company
business internet computer windows microsoft google facebook youtube amazon apple samsung iphone android netflix
television streaming video activate activation remote agent supervisor operator manager test testing temp temporary
demo user username master hello hallo bonjour hola ola ciao konnichiwa salam iloveyou iloveu loveyou loveme teamo
jetaime ichliebedich euteamo aishiteru lovely forever together family friends freedom princess princesa prinzessin
dragon monkey shadow sunshine sunflower flower butterfly superman batman spiderman starwars pokemon naruto minecraft
fortnite football futbol fussball soccer baseball basketball hockey tennis golf liverpool chelsea arsenal barcelona
realmadrid juventus bayern manchester ferrari porsche mercedes mustang corvette harley yamaha guitar music metallica
killer hunter ranger soldier warrior ninja samurai pirate matrix phoenix tiger eagle falcon wolf bear lion panther
dolphin horse chicken banana cookie chocolate cheese coffee pepper ginger summer winter spring autumn sommer
fruehling herbst verano invierno otono primavera ete hiver automne verao inverno outono natsu fuyu haru aki january
february march april june july august september october november december januar februar maerz juni juli oktober
dezember enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre janvier fevrier
mars avril mai juin juillet aout septembre octobre novembre decembre janeiro fevereiro maio junho julho setembro
outubro novembro dezembro monday tuesday wednesday thursday friday saturday sunday montag dienstag mittwoch
donnerstag freitag samstag sonntag michael michelle jessica jennifer jordan ashley amanda andrew anthony charlie
daniel matthew nicole robert thomas william joshua george maria mohamed mohammed muhammad alexander sebastian
natasha patricia barbara fernando alejandro francisco isabella gabriel london paris berlin madrid tokyo newyork
america germany france espana brasil mexico nippon deutschland correcthorsebatterystaple thequickbrownfox
jesuschrist allahuakbar blessed heaven angel angels whatever nothing something asdf qwer zxcv wasd qazwsx edcrfv
zaqxsw qweasdzxc 1qaz 2wsx 3edc 4rfv zaq1 xsw2 a1b2c3d4 abc123 123abc 147258 159753 112233 121212 696969 420420
"""
WORDS = frozenset(_WORDS.split())
# Neighbours in the alphabet, in numbers and on keyboards; parts of them in both directions count.
SEQUENCES = (
    *("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "qwertzuiopü", "azertyuiop", "asdfghjklñ"),
    *("qsdfghjklm", "zxcvbnm", "yxcvbnm", "wxcvbn", "1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "!@#$%^&*()_+"),
    *('!"§$%&/()=?', "qazwsxedcrfvtgbyhnujmikolp", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol"),
)
