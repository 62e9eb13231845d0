"""Messages as SNS posts them, signed with keys of our own, and forgeries of them: topics.py NOW [EVENTS] prints all as JSON.

certificates: what lies at which path of SNS's host      authority: who issued them
good, confirmation, ended, sha1: messages that are right      forged: by name; these need nothing from elsewhere to be refused
given: the EVENTS, a JSON list of texts, a signed message each
misissued: by name; properly signed, but the certificate at their address is not one of SNS's
"""

import base64
import datetime
import json
import sys
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.fromisoformat(sys.argv[1])
TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events"
HOST = "https://sns.us-east-1.amazonaws.com"
DAY = datetime.timedelta(days=1)


def name(common):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def certificate(common, key, issuer, issuer_key, begins=NOW - 30 * DAY, ends=NOW + 300 * DAY, ca=False):
    builder = x509.CertificateBuilder().subject_name(name(common)).issuer_name(name(issuer))
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(begins).not_valid_after(ends)
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if not ca:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(common)]), critical=False)
    made = builder.sign(issuer_key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def rsa_key(bits=2048):
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


ROOT, OTHER_ROOT, KEY, OWN = rsa_key(), rsa_key(), rsa_key(), rsa_key()
SHORT, CURVE = rsa_key(1024), ec.generate_private_key(ec.SECP256R1())
AUTHORITY = certificate("Test Root", ROOT, "Test Root", ROOT, ca=True)
GOOD = certificate("sns.amazonaws.com", KEY, "Test Root", ROOT)
CERTIFICATES = {
    "good": GOOD,
    "other": certificate("example.com", OWN, "Test Root", ROOT),
    "lookalike": certificate("sns.amazonaws.com.evil.example", OWN, "Test Root", ROOT),
    "expired": certificate("sns.amazonaws.com", OWN, "Test Root", ROOT, ends=NOW - DAY),
    "early": certificate("sns.amazonaws.com", OWN, "Test Root", ROOT, begins=NOW + DAY),
    "curve": certificate("sns.amazonaws.com", CURVE, "Test Root", ROOT),
    "short": certificate("sns.amazonaws.com", SHORT, "Test Root", ROOT),
    "selfsigned": certificate("sns.amazonaws.com", OWN, "sns.amazonaws.com", OWN),
    "stranger": certificate("sns.amazonaws.com", OWN, "Test Root", OTHER_ROOT),
    "oversized": GOOD + "x" * 40_000,
    "rubbish": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "empty": "",
}


def stamp(when):
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


def address(which):
    return f"{HOST}/SimpleNotificationService-{which}.pem"


def sign(message, key=KEY, digest=hashes.SHA256()):
    fields = ["Message", "MessageId"]
    if message["Type"] == "Notification":
        fields += ["Subject"] if "Subject" in message else []
        fields += ["Timestamp"]
    else:
        fields += ["SubscribeURL", "Timestamp", "Token"]
    text = "".join(f"{field}\n{message[field]}\n" for field in fields + ["TopicArn", "Type"]).encode()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        signature = key.sign(text, ec.ECDSA(digest))
    else:
        signature = key.sign(text, padding.PKCS1v15(), digest)
    return message | {"Signature": base64.b64encode(signature).decode()}


def event(number):
    mail = {"timestamp": stamp(NOW), "messageId": f"0102019a-{number:08d}", "source": "shop@shop.example",
            "sendingAccountId": "111122223333", "destination": [f"user{number}@example.com"], "tags": {}}
    return json.dumps({"eventType": "Send", "mail": mail, "send": {}})


def message(number=0, which="good", **fields):
    return {
        "Type": "Notification",
        "MessageId": str(uuid.uuid4()),
        "TopicArn": TOPIC,
        "Subject": "Amazon SES Email Event Notification",
        "Message": event(number),
        "Timestamp": stamp(NOW),
        "SignatureVersion": "2",
        "Signature": "",
        "SigningCertURL": address(which),
        "UnsubscribeURL": f"{HOST}/?Action=Unsubscribe&SubscriptionArn={TOPIC}:1",
    } | fields


def confirmation(kind="SubscriptionConfirmation", **fields):
    made = message(Type=kind, SubscribeURL=f"{HOST}/?Action=ConfirmSubscription")
    made |= {"Token": "2336412f37fb687f5d51e6e2425f004ae"} | fields
    for gone in ["Subject", "UnsubscribeURL"]:
        del made[gone]
    return made


URLS = [
    "https://sns.evil.example/SimpleNotificationService-good.pem",
    "https://sns.us-east-1.amazonaws.com.evil.example/SimpleNotificationService-good.pem",
    "https://evil.example/sns.us-east-1.amazonaws.com/SimpleNotificationService-good.pem",
    "https://s3.amazonaws.com/x/SimpleNotificationService-good.pem",
    "https://sns.us-east-1.amazonaws.com@evil.example/SimpleNotificationService-good.pem",
    "https://user:pass@sns.us-east-1.amazonaws.com/SimpleNotificationService-good.pem",
    "https://sns.us-east-1.amazonaws.com:443/SimpleNotificationService-good.pem",
    "https://sns.us-east-1.amazonaws.com:8443/SimpleNotificationService-good.pem",
    "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-good.pem",
    "HTTPS://sns.us-east-1.amazonaws.com/SimpleNotificationService-good.pem",
    "https://SNS.us-east-1.amazonaws.com/SimpleNotificationService-good.pem",
    "https://sns.us-east-1.amazonaws.com./SimpleNotificationService-good.pem",
    "https://sn\u0455.us-east-1.amazonaws.com/SimpleNotificationService-good.pem",
    "https://xn--sn-nlc.us-east-1.amazonaws.com/SimpleNotificationService-good.pem",
    "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-good.pem",
    "https://sns.us-east-1.amazonaws.com.cn/SimpleNotificationService-good.pem",
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-good.pem?x=1",
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-good.pem#x",
    "https://sns.us-east-1.amazonaws.com/?u=https://evil.example/SimpleNotificationService-good.pem",
    "https://sns.us-east-1.amazonaws.com/redirect/SimpleNotificationService-good.pem",
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-good.crt",
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-%67ood.pem",
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-../good.pem",
    "https://sns.us-east-1.amazonaws.com\\@evil.example/SimpleNotificationService-good.pem",
    "https://169.254.169.254/SimpleNotificationService-good.pem",
    "https://127.0.0.1/SimpleNotificationService-good.pem",
    "file:///etc/ssl/SimpleNotificationService-good.pem",
    "//sns.us-east-1.amazonaws.com/SimpleNotificationService-good.pem",
    " https://sns.us-east-1.amazonaws.com/SimpleNotificationService-good.pem",
    "",
]


def forgeries():
    """By name, the bodies."""
    made = {f"address {url!r}": sign(message(SigningCertURL=url), OWN) for url in URLS}
    good = sign(message(1))
    bare = {key: value for key, value in sign(message(2)).items() if key != "Subject"}
    plain = message(3)
    del plain["Subject"]
    plain = sign(plain)
    made |= {
        "key of somebody else": sign(message(4), OWN),
        "message changed": good | {"Message": good["Message"].replace("user1", "user9")},
        "id changed": good | {"MessageId": str(uuid.uuid4())},
        "time made new": sign(message(5, Timestamp=stamp(NOW - 2 * DAY))) | {"Timestamp": stamp(NOW)},
        "subject taken away": bare,
        "subject moved into the message": bare | {"Message": f"{good['Message']}\nSubject\n{good['Subject']}"},
        "subject moved into the id": bare | {"MessageId": f"{bare['MessageId']}\nSubject\n{good['Subject']}"},
        "subject put in": plain | {"Subject": "urgent"},
        "id moved into the message": plain | {"Message": f"{plain['Message']}\nMessageId\n{plain['MessageId']}"},
        "another type": good | {"Type": "UnsubscribeConfirmation", "Token": "a1", "SubscribeURL": HOST},
        "unknown type": sign(message(6)) | {"Type": "Other"},
        "no signature": message(7),
        "half a signature": good | {"Signature": good["Signature"][:100]},
        "signature that is no base64": good | {"Signature": "!" + good["Signature"]},
        "another topic": sign(message(8, TopicArn=TOPIC + "2")),
        "topic of another account": sign(message(9, TopicArn=TOPIC.replace("1234", "9999"))),
        "topic in capitals": sign(message(10, TopicArn=TOPIC.upper())),
        "topic changed to ours": sign(message(11, TopicArn=TOPIC + "2")) | {"TopicArn": TOPIC},
        "SHA-1": sign(message(12, SignatureVersion="1"), digest=hashes.SHA1()),
        "SHA-1 called SHA-256": sign(message(13), digest=hashes.SHA1()),
        "unknown version": sign(message(14, SignatureVersion="3")),
        "old": sign(message(15, Timestamp=stamp(NOW - datetime.timedelta(minutes=70)))),
        "of tomorrow": sign(message(16, Timestamp=stamp(NOW + DAY))),
        "no time": sign(message(17, Timestamp="now")),
        "no token": sign(confirmation()) | {"Token": None},
        "token of a shell": sign(confirmation(Token="$(reboot)")),
        "confirmation by another key": sign(confirmation(), OWN),
        "confirmation with an address here": sign(confirmation()) | {"SubscribeURL": "http://127.0.0.1/"},
        "confirmation of another topic": sign(confirmation(TopicArn=TOPIC + "2")),
    }
    made = {name: json.dumps(body) for name, body in made.items()}
    twice = json.dumps(good)
    made |= {
        "message twice": twice[:-1] + ', "Message": "other"}',
        "signature twice": '{"Signature": "", ' + twice[1:],
        "list": f"[{twice}]",
        "bare event": event(18),
        "nothing": "",
        "half": twice[: len(twice) // 2],
        "and more": twice + "{}",
    }
    return made


def misissued():
    keys = {"curve": CURVE, "short": SHORT, "oversized": KEY, "rubbish": KEY, "empty": KEY, "missing": KEY, "moved": KEY}
    names = [which for which in CERTIFICATES if which != "good"] + ["missing", "moved"]
    return {which: json.dumps(sign(message(20, which), keys.get(which, OWN))) for which in names}


pretty = {"indent": 2, "separators": (",", " : ")}
plain = message(101, Message=event(101) + "\n")
del plain["Subject"]
print(json.dumps({
    "certificates": {f"/SimpleNotificationService-{which}.pem": pem for which, pem in CERTIFICATES.items()},
    "authority": AUTHORITY,
    "good": [json.dumps(sign(message(100)), **pretty), json.dumps(sign(plain)),
             json.dumps(sign(message(102, Timestamp=stamp(NOW - datetime.timedelta(minutes=50)))), **pretty)],
    "confirmation": json.dumps(sign(confirmation()), **pretty),
    "ended": json.dumps(sign(confirmation("UnsubscribeConfirmation")), **pretty),
    "sha1": json.dumps(sign(message(103, SignatureVersion="1"), digest=hashes.SHA1())),
    "given": [json.dumps(sign(message(Message=text))) for text in json.loads(sys.argv[2] if sys.argv[2:] else "[]")],
    "forged": forgeries(),
    "misissued": misissued(),
}))
