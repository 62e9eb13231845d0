//! SES's objects as they stand in JSON, field by field as the developer guide documents them.
//!
//! Fields that are known and have no column (headers and the like) are skipped without being built; fields the guide does
//! not name are kept as `unknown`.

use crate::compact::{Headers, Skipped};
use crate::document::wire;
use crate::json::{Object, Pairs, Raw};

wire! {
    /// `mail`: the message the event is about.
    Mail {
        "timestamp" => timestamp: Raw<'a>,
        "source" => source: Raw<'a>,
        "sourceArn" => source_arn: Raw<'a>,
        "sourceIp" => source_ip: Skipped,
        "callerIdentity" => caller_identity: Raw<'a>,
        "sendingAccountId" => sending_account_id: Raw<'a>,
        "messageId" => message_id: Raw<'a>,
        "destination" => destination: Raw<'a>,
        "headersTruncated" => headers_truncated: Skipped,
        "headers" => headers: Headers,
        "commonHeaders" => common_headers: Object<CommonHeaders<'a>>,
        "tags" => tags: Raw<'a>,
    }
}

wire! {
    /// `mail.commonHeaders`, of which only the subject has a column.
    CommonHeaders {
        "from" => from: Skipped,
        "sender" => sender: Skipped,
        "replyTo" => reply_to: Skipped,
        "date" => date: Skipped,
        "to" => to: Skipped,
        "cc" => cc: Skipped,
        "bcc" => bcc: Skipped,
        "messageId" => message_id: Skipped,
        "returnPath" => return_path: Skipped,
        "subject" => subject: Raw<'a>,
    }
}

wire! {
    /// `bounce`
    Bounce {
        "bounceType" => bounce_type: Raw<'a>,
        "bounceSubType" => bounce_sub_type: Raw<'a>,
        "bouncedRecipients" => bounced_recipients: Raw<'a>,
        "timestamp" => timestamp: Raw<'a>,
        "feedbackId" => feedback_id: Raw<'a>,
        "reportingMTA" => reporting_mta: Raw<'a>,
        "remoteMtaIp" => remote_mta_ip: Raw<'a>,
    }
}

wire! {
    /// `complaint`
    Complaint {
        "complainedRecipients" => complained_recipients: Raw<'a>,
        "timestamp" => timestamp: Raw<'a>,
        "feedbackId" => feedback_id: Raw<'a>,
        "complaintSubType" => complaint_sub_type: Raw<'a>,
        "complaintFeedbackType" => complaint_feedback_type: Raw<'a>,
        "userAgent" => user_agent: Raw<'a>,
        "arrivalDate" => arrival_date: Raw<'a>,
    }
}

wire! {
    /// `delivery`
    Delivery {
        "timestamp" => timestamp: Raw<'a>,
        "processingTimeMillis" => processing_time_millis: Raw<'a>,
        "recipients" => recipients: Raw<'a>,
        "smtpResponse" => smtp_response: Raw<'a>,
        "reportingMTA" => reporting_mta: Raw<'a>,
        "remoteMtaIp" => remote_mta_ip: Raw<'a>,
    }
}

wire! {
    /// `send`, documented as empty
    Send {}
}

wire! {
    /// `reject`
    Reject { "reason" => reason: Raw<'a>, }
}

wire! {
    /// `open`
    Open {
        "timestamp" => timestamp: Raw<'a>,
        "ipAddress" => ip_address: Raw<'a>,
        "userAgent" => user_agent: Raw<'a>,
        "isBotEvent" => is_bot_event: Raw<'a>,
    }
}

wire! {
    /// `click`
    Click {
        "timestamp" => timestamp: Raw<'a>,
        "ipAddress" => ip_address: Raw<'a>,
        "userAgent" => user_agent: Raw<'a>,
        "link" => link: Raw<'a>,
        "linkTags" => link_tags: Pairs<'a>,
        "isBotEvent" => is_bot_event: Raw<'a>,
    }
}

wire! {
    /// `failure` of a rendering failure
    Failure {
        "errorMessage" => error_message: Raw<'a>,
        "templateName" => template_name: Raw<'a>,
    }
}

wire! {
    /// `deliveryDelay`
    DeliveryDelay {
        "timestamp" => timestamp: Raw<'a>,
        "delayType" => delay_type: Raw<'a>,
        "delayedRecipients" => delayed_recipients: Raw<'a>,
        "expirationTime" => expiration_time: Raw<'a>,
        "reportingMTA" => reporting_mta: Raw<'a>,
    }
}

wire! {
    /// `subscription`
    Subscription {
        "timestamp" => timestamp: Raw<'a>,
        "contactList" => contact_list: Raw<'a>,
        "source" => source: Raw<'a>,
        "newTopicPreferences" => new_topic_preferences: Raw<'a>,
        "oldTopicPreferences" => old_topic_preferences: Raw<'a>,
    }
}

wire! {
    /// An element of a bounce's, complaint's or delay's recipients.
    Recipient {
        "emailAddress" => email_address: Raw<'a>,
        "action" => action: Skipped,
        "status" => status: Raw<'a>,
        "diagnosticCode" => diagnostic_code: Raw<'a>,
    }
}
