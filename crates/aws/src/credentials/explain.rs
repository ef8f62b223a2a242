//! What is said when there are no credentials.

use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;

/// So long whoever gives credentials may take: somebody may have to confirm it on a telephone.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Whether asking again is no use: there is nothing to ask, or what is there is wrong.
pub(crate) fn lasting(error: &CredentialsError) -> bool {
    matches!(error, CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_))
}

/// Why there are no credentials, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingCredentials {
    /// Why.
    pub why: String,
    /// What to do.
    pub hint: &'static str,
}

/// Why there are none, and what to do about it.
pub(crate) fn explained(error: &CredentialsError) -> MissingCredentials {
    let why = match error {
        CredentialsError::ProviderTimedOut(_) => format!("nobody gave any within {} s", PATIENCE.as_secs()),
        _ => reasons(error),
    };
    let why = match why.split_once(NOWHERE) {
        Some((_, attempts)) => nowhere(attempts),
        None => why,
    };
    MissingCredentials { hint: remedy(&why), why: shortened(&why) }
}

/// How the official chain begins to say that it has found nothing.
const NOWHERE: &str = "no credentials found in chain.";

/// What is said where nobody had any. Of each attempt the chain says that it was none; only a profile may be meant to be
/// one, and lack something.
fn nowhere(attempts: &str) -> String {
    const PROFILE: &str = "Profile: the credential provider was not enabled:";
    let profile = attempts.split_once(PROFILE).and_then(|(_, rest)| rest.split_once("WebIdentityToken:"));
    let profile = profile.map(|(why, _)| format!("; {}", why.trim())).unwrap_or_default();
    format!("there are none in the environment, in a profile of ~/.aws, or from this machine's own role{profile}")
}

/// What stands between reasons and says nothing that the beginning of the sentence does not.
const SAYS_NOTHING: [&str; 5] = [
    "an error occurred while loading credentials",
    "an error occurred while loading an access token",
    "the credential provider was not enabled",
    "the credentials provider was not properly configured",
    "service error",
];

/// The chain of reasons on one line. The first alone says only that a provider failed.
fn reasons(error: &CredentialsError) -> String {
    let mut reasons = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        reasons.push(said(&cause.to_string()));
        source = cause.source();
    }
    reasons.retain(|reason| !SAYS_NOTHING.contains(&reason.as_str()));
    reasons.dedup();
    if reasons.is_empty() {
        reasons.push(error.to_string());
    }
    reasons.join(": ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The official client shows some refusals as it shows them to programmers.
fn said(reason: &str) -> String {
    let message = reason.strip_prefix("Error {").and_then(|rest| rest.split_once("message: \""));
    let message = message.and_then(|(_, rest)| rest.split_once('"'));
    message.map_or_else(|| reason.to_owned(), |(message, _)| message.to_owned())
}

/// What to do, by what is known of the reason.
fn remedy(why: &str) -> &'static str {
    let tells = |words: &[&str]| words.iter().any(|word| why.contains(word));
    if tells(&["SSO", "/sso/cache/", "UnauthorizedException"]) {
        "sign in: `aws sso login --profile NAME`"
    } else if tells(&["external process"]) {
        "the profile's `credential_process` must print them as JSON: run it by hand and see"
    } else if tells(&["profile `"]) {
        "mend ~/.aws/config, or name another profile: `aws configure list-profiles` shows those that there are"
    } else if tells(&["could not parse profile file"]) {
        "mend ~/.aws/config or ~/.aws/credentials: a line of it is neither `[profile NAME]` nor `key = value`"
    } else if tells(&["ExpiredToken"]) {
        "what the profile builds on has expired: sign in again"
    } else {
        "sign in (`aws sso login --profile NAME`), and name the profile in the deployment file or as AWS_PROFILE"
    }
}

/// A helper's own words may have no end.
fn shortened(why: &str) -> String {
    const MOST: usize = 400;
    if why.chars().count() <= MOST {
        return why.to_owned();
    }
    let kept: String = why.chars().take(MOST).collect();
    format!("{}...", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_that_talks_for_ever_is_cut_short_and_keeps_to_one_line() {
        let error = CredentialsError::provider_error(format!("external process said\n{}", "no \n".repeat(1000)));
        let MissingCredentials { why, hint } = explained(&error);
        assert!(why.len() < 500 && !why.contains('\n') && hint.contains("credential_process"), "{why}; {hint}");
    }
}
