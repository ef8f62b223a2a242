//! What is said when there are no credentials.

use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;

/// How long the source of credentials may take: somebody may have to confirm on a telephone.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Whether asking again is useless: there is no source of credentials, or its configuration is wrong.
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
        CredentialsError::ProviderTimedOut(_) => {
            format!("the source of credentials did not answer within {} s", PATIENCE.as_secs())
        }
        _ => reasons(error),
    };
    let why = match why.split_once(NOWHERE) {
        Some((_, attempts)) => nowhere(attempts),
        None => why,
    };
    MissingCredentials { hint: remedy(&why), why: shortened(&why) }
}

/// The beginning of the official chain's message that it has found nothing.
const NOWHERE: &str = "no credentials found in chain.";

/// The message when no source had credentials. The chain lists every attempt; only that of the profile is of interest,
/// since the profile may be incomplete.
fn nowhere(attempts: &str) -> String {
    const PROFILE: &str = "Profile: the credential provider was not enabled:";
    let profile = attempts.split_once(PROFILE).and_then(|(_, rest)| rest.split_once("WebIdentityToken:"));
    let profile = profile.map(|(why, _)| format!("; {}", why.trim())).unwrap_or_default();
    format!("none were found in the environment, in a profile of ~/.aws, or in this machine's own role{profile}")
}

/// Reasons that add nothing to the beginning of the sentence.
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

/// The official client formats some refusals for programmers.
fn said(reason: &str) -> String {
    let message = reason.strip_prefix("Error {").and_then(|rest| rest.split_once("message: \""));
    let message = message.and_then(|(_, rest)| rest.split_once('"'));
    message.map_or_else(|| reason.to_owned(), |(message, _)| message.to_owned())
}

/// What to do, depending on the reason.
fn remedy(why: &str) -> &'static str {
    let tells = |words: &[&str]| words.iter().any(|word| why.contains(word));
    if tells(&["SSO", "/sso/cache/", "UnauthorizedException"]) {
        "sign in: `aws sso login --profile NAME`"
    } else if tells(&["external process"]) {
        "run the profile's `credential_process` by hand: it must print credentials as JSON"
    } else if tells(&["profile `"]) {
        "correct ~/.aws/config, or name another profile: `aws configure list-profiles` lists those that exist"
    } else if tells(&["could not parse profile file"]) {
        "correct ~/.aws/config or ~/.aws/credentials: a line of it is neither `[profile NAME]` nor `key = value`"
    } else if tells(&["ExpiredToken"]) {
        "sign in again: the credentials that the profile builds on have expired"
    } else {
        "sign in (`aws sso login --profile NAME`), and name the profile in the deployment file or as AWS_PROFILE"
    }
}

/// The output of a helper may be long.
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
    fn long_output_of_a_helper_is_cut_to_one_line() {
        let error = CredentialsError::provider_error(format!("external process said\n{}", "no \n".repeat(1000)));
        let MissingCredentials { why, hint } = explained(&error);
        assert!(why.len() < 500 && !why.contains('\n') && hint.contains("credential_process"), "{why}; {hint}");
    }
}
