"""A mail server for tests, of aiosmtpd: says on its output, one JSON object a line, what it got.

smtp.py PORT MODE MECHANISMS [CERTIFICATE KEY]; MODE is plain, starttls or tls. The user is `user`, its
password `pass-word`, its secret for CRAM-MD5 `cram-secret`.
"""

import asyncio
import email
import email.policy
import hmac
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

port, mode, mechanisms = int(sys.argv[1]), sys.argv[2], sys.argv[3].split(",")


def say(what):
    print(json.dumps(what), flush=True)


class Handler:
    async def auth_CRAM__MD5(self, server, args):
        challenge = b"<1.2@test>"
        answer = await server.challenge_auth(challenge)
        user, digest = answer.split(b" ")
        wanted = hmac.new(b"cram-secret", challenge, "md5").hexdigest().encode()
        return AuthResult(success=digest == wanted, handled=False, auth_data=LoginPassword(user, b""))

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 no such user"
        if address.startswith("later"):
            return "451 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        data = session.auth_data
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        say({
            "hello": session.host_name,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "encrypted": session.ssl is not None or mode == "tls",
            "user": data.login.decode() if data else None,
            "text": envelope.content.decode(),
            "headers": {name.lower(): str(value) for name, value in mail.items()},
            "parts": [
                [part.get_content_type(), part.get_content().replace("\r\n", "\n").rstrip("\n")]
                for part in mail.iter_parts()
            ],
        })
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    good = data.login == b"user" and data.password == b"pass-word"
    return AuthResult(success=good, handled=False, auth_data=data)


def context():
    if len(sys.argv) < 6:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(sys.argv[4], sys.argv[5])
    return made


async def main():
    excluded = [name for name in ("PLAIN", "LOGIN", "CRAM-MD5") if name not in mechanisms]
    secure = context()

    def server():
        return SMTP(
            Handler(),
            tls_context=secure if mode == "starttls" else None,
            authenticator=authenticate,
            auth_require_tls=False,
            auth_exclude_mechanism=excluded,
        )

    loop = asyncio.get_running_loop()
    await loop.create_server(server, "127.0.0.1", port, ssl=secure if mode == "tls" else None)
    say({"ready": True})
    await asyncio.Event().wait()


asyncio.run(main())
