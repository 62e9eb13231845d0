"""An SMTP server that keeps what it is sent: smtp.py FOLDER PORT plain|starttls|implicit NAME; smtp.py FOLDER read prints it."""

import asyncio
import datetime
import email
import email.policy
import json
import pathlib
import ssl
import sys

folder = pathlib.Path(sys.argv[1])


def certificate():
    """A certificate for 127.0.0.1 that signs itself."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


class Keep:
    number = 0

    async def handle_DATA(self, server, session, envelope):
        record = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "login": session.auth_data,
            "tls": session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None,
        }
        Keep.number += 1
        (folder / f"{Keep.number:04}.eml").write_bytes(envelope.content)
        (folder / f"{Keep.number:04}.json").write_text(json.dumps(record))
        return "250 kept"


def serve(port, kind, name):
    from aiosmtpd.smtp import SMTP, AuthResult

    context = None if kind == "plain" else certificate()

    def authenticate(server, session, envelope, mechanism, data):
        right = (data.login, data.password) == (b"repute", b"secret")
        return AuthResult(success=right, handled=False, auth_data=data.login.decode())

    def protocol():
        return SMTP(
            Keep(),
            hostname=name,
            tls_context=context if kind == "starttls" else None,
            require_starttls=kind == "starttls",
            authenticator=authenticate,
            auth_require_tls=False,
            loop=asyncio.get_running_loop(),
        )

    async def run():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(protocol, "127.0.0.1", port, ssl=context if kind == "implicit" else None)
        (folder / "ready").touch()
        await server.serve_forever()

    asyncio.run(run())


def read():
    kept = []
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text())
        message = email.message_from_bytes(path.with_suffix(".eml").read_bytes(), policy=email.policy.default)
        record["headers"] = {name: str(value) for name, value in message.items()}
        record["text"] = message.get_content()
        kept.append(record)
    print(json.dumps(kept))


if sys.argv[2] == "read":
    read()
else:
    serve(int(sys.argv[2]), *sys.argv[3:5])
