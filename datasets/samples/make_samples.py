#!/usr/bin/env python3
"""Makes the samples that cannot be typed (compressed, encoded, damaged) from the hand-written events in events/.

Run it in this folder after changing an event. It reads no clock and no random numbers, and its gzip members hold no time,
so a second run changes nothing.
"""

import base64
import gzip
import json
import pathlib
import zlib

HERE = pathlib.Path(__file__).resolve().parent


def event(name):
    """The text of an event, as SES writes it, without the line break."""
    return (HERE / "events" / f"{name}.json").read_text().rstrip("\n")


def save(name, content):
    if isinstance(content, str):
        content = content.encode()
    (HERE / name).write_bytes(content)


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def encoded(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def member(text):
    """One gzip member without a time in its header."""
    return gzip.compress(text.encode(), 6, mtime=0)


SEND, DELIVERY, BOUNCE = event("send"), event("delivery"), event("bounce-permanent")
SOFT, COMPLAINT, OPEN, CLICK = event("bounce-transient"), event("complaint"), event("open"), event("click")
TOPIC = "arn:aws:sns:eu-west-1:111122223333:ses-events"
HOST = "https://sns.eu-west-1.amazonaws.com"


def sns(message, number=1, **more):
    """An SNS envelope as it arrives over HTTP or in an SQS body."""
    return {
        "Type": "Notification",
        "MessageId": f"0d1c2b3a-0000-5000-8000-{number:012d}",
        "TopicArn": TOPIC,
        "Subject": "Amazon SES Email Event Notification",
        "Message": message,
        "Timestamp": "2026-10-05T08:30:00.000Z",
        "SignatureVersion": "1",
        "Signature": "bm90IGEgcmVhbCBzaWduYXR1cmU=",
        "SigningCertURL": f"{HOST}/SimpleNotificationService-0000.pem",
        "UnsubscribeURL": f"{HOST}/?Action=Unsubscribe&SubscriptionArn={TOPIC}:0000",
        **more,
    }


def confirmation(kind):
    return {
        "Type": kind,
        "MessageId": "0d1c2b3a-0000-5000-8000-000000000099",
        "Token": "0123456789abcdef",
        "TopicArn": TOPIC,
        "Message": f"You have chosen to act on the topic {TOPIC}.\nTo confirm, visit the SubscribeURL included in this message.",
        "SubscribeURL": f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=0123456789abcdef",
        "Timestamp": "2026-10-05T07:00:00.000Z",
        "SignatureVersion": "1",
        "Signature": "bm90IGEgcmVhbCBzaWduYXR1cmU=",
        "SigningCertURL": f"{HOST}/SimpleNotificationService-0000.pem",
    }


def sqs_record(body, number=1):
    return {
        "messageId": f"5e4d3c2b-0000-4000-8000-{number:012d}",
        "receiptHandle": "AQEBsample",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1791189000000"},
        "messageAttributes": {},
        "md5OfBody": "00000000000000000000000000000000",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:ses-events",
        "awsRegion": "eu-west-1",
    }


def eventbridge(kind, detail):
    return {
        "version": "0",
        "id": "9a8b7c6d-0000-4000-8000-000000000001",
        "detail-type": kind,
        "source": "aws.ses",
        "account": "111122223333",
        "time": "2026-10-05T08:30:00Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:ses:eu-west-1:111122223333:configuration-set/orders"],
        "detail": detail,
    }


def firehose_error(raw):
    return {
        "attemptsMade": 4,
        "arrivalTimestamp": 1791189000000,
        "errorCode": "Lambda.FunctionError",
        "errorMessage": "The Lambda function was invoked successfully but it returned an error result.",
        "attemptEndingTimestamp": 1791189060000,
        "rawData": raw,
        "lambdaArn": "arn:aws:lambda:eu-west-1:111122223333:function:transform",
    }


def logs(kind, messages):
    return compact({
        "messageType": kind,
        "owner": "111122223333",
        "logGroup": "/ses/events",
        "logStream": "orders",
        "subscriptionFilters": ["to-firehose"],
        "logEvents": [
            {"id": f"{number:056d}", "timestamp": 1791189000000 + number, "message": message}
            for number, message in enumerate(messages)
        ],
    })


def envelopes():
    bodies = {
        "sns": sns(BOUNCE + "\n"),
        "sns-notification": sns(event("notification-bounce"), Subject=None),
        "sns-without-signature": {
            key: value
            for key, value in sns(DELIVERY + "\n", MessageAttributes={}).items()
            if key not in ("SignatureVersion", "Signature", "SigningCertURL")
        },
        "sns-message-as-object": sns(json.loads(COMPLAINT)),
        "sqs-body-raw-delivery": json.loads(SEND),
        "lambda-sns": {"Records": [
            {"EventVersion": "1.0", "EventSubscriptionArn": f"{TOPIC}:0000", "EventSource": "aws:sns", "Sns": sns(text + "\n", number)}
            for number, text in enumerate([SEND, DELIVERY])
        ]},
        "lambda-sqs": {"Records": [sqs_record(SEND), sqs_record(compact(sns(DELIVERY + "\n")), 2)]},
        "lambda-sqs-eventbridge": {"Records": [sqs_record(compact(eventbridge("Email Opened", json.loads(OPEN))))]},
        "eventbridge": eventbridge("Email Bounced", json.loads(SOFT)),
        "firehose-http-body": {
            "requestId": "ed4acda5-0000-4000-8000-000000000001",
            "timestamp": 1791189000000,
            "records": [
                {"data": encoded(f"{SEND}\n{DELIVERY}\n")},
                {"data": ""},
                {"data": encoded(compact(sns(BOUNCE + "\n")))},
            ],
        },
    }
    for name, body in bodies.items():
        save(f"envelopes/{name}.json", compact(body) + "\n")
    save("envelopes/firehose-error.json", compact(firehose_error(encoded(CLICK + "\n"))) + "\n")
    save("envelopes/cloudwatch-logs.json", logs("DATA_MESSAGE", [SEND, DELIVERY]) + "\n")
    # Each record compressed by itself, and no .gz in the name.
    save("envelopes/cloudwatch-logs-members", member(logs("DATA_MESSAGE", [SEND, DELIVERY])) + member(logs("DATA_MESSAGE", [BOUNCE])))
    data = encoded(member(logs("DATA_MESSAGE", [SOFT])))
    body = {"requestId": "ed4acda5-0000-4000-8000-000000000002", "timestamp": 1791189000000, "records": [{"data": data}]}
    save("envelopes/firehose-http-body-cloudwatch-logs.json", compact(body) + "\n")


def framings():
    three = [SEND, DELIVERY, BOUNCE]
    save("trouble/ndjson.json", "".join(line + "\n" for line in three))
    save("trouble/no-final-line-break.json", "\n".join(three))
    save("trouble/concatenated.json", "".join(three))
    save("trouble/byte-order-mark.json", "\ufeff" + "\n".join(three) + "\n")
    save("trouble/crlf.json", "".join(line + "\r\n" for line in three))
    save("trouble/blank-lines.json", "\n\n" + "\n\n\n".join(three) + "\n \t\n\n")
    save("trouble/pretty-printed.json", "\n".join(json.dumps(json.loads(line), indent=2) for line in three) + "\n")
    save("trouble/array.json", "[" + ",\n".join(three) + "]\n")
    save("trouble/empty.json", "")
    save("trouble/only-blank.json", "\n\n  \r\n")
    save("trouble/members.gz", member(SEND + "\n") + member(DELIVERY + "\n") + member(BOUNCE + "\n"))
    # A record that runs over the border of two members.
    half = len(DELIVERY) // 2
    save("trouble/record-across-members.gz", member(SEND + "\n" + DELIVERY[:half]) + member(DELIVERY[half:] + "\n"))
    save("trouble/plain-named.gz", "".join(line + "\n" for line in three))
    save("trouble/gzip-without-suffix", member("".join(line + "\n" for line in three)))
    save("trouble/empty-member.gz", member(""))
    save("trouble/zero-bytes.gz", "")


def broken_gzip():
    # Every record ends on a byte border of the stream, so that what is readable does not depend on the reader.
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    parts = [packer.compress((line + "\n").encode()) + packer.flush(zlib.Z_FULL_FLUSH) for line in (SEND, DELIVERY, BOUNCE)]
    body = b"".join(parts) + packer.flush()
    text = "".join(line + "\n" for line in (SEND, DELIVERY, BOUNCE)).encode()
    header = bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255])
    trailer = zlib.crc32(text).to_bytes(4, "little") + len(text).to_bytes(4, "little")
    cut = len(parts[0]) + len(parts[1]) + len(parts[2]) // 2
    save("trouble/truncated.gz", header + body[:cut])
    save("trouble/truncated-between-records.gz", header + body[: len(parts[0]) + len(parts[1])])
    save("trouble/truncated-trailer.gz", header + body + trailer[:3])
    save("trouble/wrong-checksum.gz", header + body + bytes([trailer[0] ^ 0xFF]) + trailer[1:])
    # The second member's first block is of the reserved type.
    save("trouble/second-member-corrupt.gz", member(SEND + "\n" + DELIVERY + "\n") + header + bytes([0x07]) + bytes(40))
    save("trouble/garbage-after-member.gz", member(SEND + "\n" + DELIVERY + "\n") + b"this is no gzip member")


def damaged():
    between = lambda bad: SEND + "\n" + bad + "\n" + DELIVERY + "\n"
    change = lambda text, old, new: text.replace(old, new, 1)
    save("trouble/half-record.json", between(BOUNCE[: BOUNCE.index("Recipient address") + 9]))
    save("trouble/half-record-at-end.json", SEND + "\n" + DELIVERY + "\n" + BOUNCE[: len(BOUNCE) // 2])
    save("trouble/invalid-json.json", between(change(BOUNCE, '"bounceType":', '"bounceType"=')))
    save("trouble/trailing-garbage-line.json", SEND + "\n" + DELIVERY + "\n" + "%%% end of dump %%%\n")
    save("trouble/garbage-after-record.json", SEND + " %%%\n" + DELIVERY + "\n")
    save("trouble/invalid-utf8.json", between(BOUNCE).encode().replace(b"nobody@", b"nob\xffdy@"))
    deep = "[" * 10_000 + "]" * 10_000
    save("trouble/nested-10000.json", between(change(BOUNCE, '"eventType"', f'"future":{deep},"eventType"')))
    save("trouble/time-not-a-time.json", between(change(SOFT, '"timestamp":"2026-10-05T08:02:03.000Z"', '"timestamp":"yesterday"')))
    save("trouble/time-impossible.json", between(change(SOFT, '"timestamp":"2026-10-05T08:02:03.000Z"', '"timestamp":"2026-13-45T25:61:00.000Z"')))
    bad = json.loads(BOUNCE)
    del bad["mail"]
    save("trouble/mail-missing.json", between(compact(bad)))
    bad = json.loads(BOUNCE)
    del bad["mail"]["messageId"]
    save("trouble/message-id-missing.json", between(compact(bad)))
    bad = json.loads(BOUNCE)
    del bad["bounce"]
    save("trouble/bounce-object-missing.json", between(compact(bad)))
    bad = json.loads(SOFT)
    bad["bounce"]["bouncedRecipients"] = "full@example.net"
    save("trouble/recipients-not-a-list.json", between(compact(bad)))
    save("trouble/event-type-unknown.json", between(change(BOUNCE, '"eventType":"Bounce"', '"eventType":"Teleported"')))
    save("trouble/not-ses.json", between('{"level":"info","message":"starting up"}'))
    save("trouble/sns-message-cut.json", compact(sns(BOUNCE[: len(BOUNCE) // 2])) + "\n")
    save("trouble/firehose-error-bad-base64.json", compact(firehose_error("*** not base64 ***")) + "\n" + DELIVERY + "\n")
    body = {"requestId": "ed4acda5-0000-4000-8000-000000000003", "timestamp": 1791189000000}
    records = [{"data": encoded(SEND)}, {"data": "***"}, {"data": encoded(DELIVERY)}]
    save("trouble/firehose-http-body-bad-base64.json", compact({**body, "records": records}) + "\n")
    cut = change(SOFT, '"timestamp":"2026-10-05T08:02:03.000Z"', '"timestamp":""')
    save("trouble/many.json", "\n".join([SEND, BOUNCE[:300], cut, '{"hello":"world"}', DELIVERY, SEND, "}", COMPLAINT]) + "\n")


def not_events():
    save("trouble/subscription-confirmation.json", compact(confirmation("SubscriptionConfirmation")) + "\n")
    save("trouble/unsubscribe-confirmation.json", compact(confirmation("UnsubscribeConfirmation")) + "\n")
    text = "Successfully validated SNS topic for Amazon SES event publishing."
    save("trouble/topic-validated.json", compact(sns(text)) + "\n")
    test = {"notificationType": "AmazonSnsSubscriptionSucceeded", "message": f"You have successfully subscribed {TOPIC}."}
    save("trouble/identity-test-message.json", compact(sns(compact(test), Subject=None)) + "\n")
    mail = json.loads(event("notification-delivery"))["mail"]
    passed = {"status": "PASS"}
    receipt = {
        "timestamp": "2026-10-05T08:21:01.000Z", "processingTimeMillis": 400, "recipients": ["help@shop.example"],
        "spamVerdict": passed, "virusVerdict": passed, "spfVerdict": passed, "dkimVerdict": passed, "dmarcVerdict": passed,
        "action": {"type": "SNS", "topicArn": TOPIC, "encoding": "UTF8"},
    }
    inbound = {"notificationType": "Received", "mail": mail, "receipt": receipt, "content": "Subject: hello\r\n\r\nhello\r\n"}
    save("trouble/inbound-mail.json", compact(sns(compact(inbound), Subject="Amazon SES Email Receipt Notification")) + "\n")
    sms = {
        "eventType": "TEXT_DELIVERED", "eventVersion": "1.0", "eventTimestamp": 1791189000000, "isFinal": True,
        "originationPhoneNumber": "+15550100", "destinationPhoneNumber": "+15550101", "isoCountryCode": "US",
        "messageId": "1c0ffee0-0000-4000-8000-000000000001", "messageRequestTimestamp": 1791188999000,
        "messageStatus": "DELIVERED", "messageStatusDescription": "Message has been accepted by phone", "totalMessageParts": 1,
    }
    save("trouble/sms.json", compact(sms) + "\n" + SEND + "\n")
    pinpoint = {
        "event_type": "_email.send", "event_timestamp": 1791189000000, "arrival_timestamp": 1791189001000, "event_version": "3.1",
        "application": {"app_id": "0123456789abcdef", "sdk": {}}, "client": {"client_id": "client-1"}, "device": {"platform": {}},
        "session": {}, "attributes": {"campaign_id": "c-1"}, "metrics": {}, "awsAccountId": "111122223333",
        "facets": {"email_channel": {"mail_event": {"mail": {"message_id": "m-1", "destination": ["ana@example.com"]}, "send": {}}}},
    }
    save("trouble/pinpoint.json", compact(pinpoint) + "\n" + SEND + "\n")
    status = eventbridge("Sending Status Disabled", {"version": "1.0.0", "data": {"origin": "ACCOUNT"}})
    advice = eventbridge("Advisor Recommendation Status Open", {"version": "1.0.0", "data": {"recommendation": "DKIM"}})
    save("trouble/account-status.json", compact(status) + "\n" + compact(advice) + "\n")
    control = logs("CONTROL_MESSAGE", ["CWL CONTROL MESSAGE: Checking health of destination Firehose."])
    save("trouble/control-message.json", control + "\n" + logs("DATA_MESSAGE", [SEND]) + "\n")


def duplicates():
    save("trouble/duplicate.json", "\n".join([SEND, DELIVERY, SEND]) + "\n")
    wrapped = [BOUNCE, compact(sns(BOUNCE + "\n")), compact(eventbridge("Email Bounced", json.loads(BOUNCE)))]
    save("trouble/duplicate-in-other-wrappers.json", "\n".join(wrapped) + "\n")
    turned = dict(reversed(json.loads(BOUNCE).items()))
    turned["mail"] = dict(sorted(turned["mail"].items()))
    save("trouble/duplicate-other-key-order.json", BOUNCE + "\n" + compact(turned) + "\n")
    together = json.loads(event("several-recipients").splitlines()[1])
    lines = [compact(together)]
    for address in together["delivery"]["recipients"]:
        alone = json.loads(lines[0])
        alone["delivery"]["recipients"] = [address]
        lines.append(compact(alone))
    save("trouble/duplicate-split-recipients.json", "\n".join(lines) + "\n")


if __name__ == "__main__":
    envelopes()
    framings()
    broken_gzip()
    damaged()
    not_events()
    duplicates()
