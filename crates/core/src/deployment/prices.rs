//! What things cost, for plans that say what they will cost.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What the account pays for what builds of images use. Without it, plans say nothing about costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The currency of all prices.
    #[serde(default = "dollars")]
    pub currency: String,
    /// An hour of an instance, for each type, such as `"m5.xlarge" = "0.192"`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub instance_hour: BTreeMap<String, Price>,
    /// A month of a GiB of an image's snapshots, such as `"0.05"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_gib_month: Option<Price>,
}

fn dollars() -> String {
    "USD".to_owned()
}

/// A price, in millionths: `0.192`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Price(u64);

/// The digits after the point, and what one is of the first.
const DIGITS: usize = 6;
const MILLION: u64 = 1_000_000;
/// A price beyond it is a mistake.
const HIGHEST: u64 = 1_000_000;

impl Price {
    /// Its value.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "it is shown with two digits")]
    pub fn value(self) -> f64 {
        self.0 as f64 / MILLION as f64
    }
}

/// A text that is no price.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a price; write for example \"0.192\", with at most six digits after the point")]
pub struct NotAPrice(String);

impl FromStr for Price {
    type Err = NotAPrice;

    fn from_str(text: &str) -> Result<Self, NotAPrice> {
        let refuse = || NotAPrice(text.to_owned());
        let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
        let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !are_digits(whole) || !are_digits(fraction) || fraction.len() > DIGITS {
            return Err(refuse());
        }
        let units: u64 = whole.parse().ok().filter(|units| *units <= HIGHEST).ok_or_else(refuse)?;
        let millionths: u64 = format!("{fraction:0<DIGITS$}").parse().map_err(|_| refuse())?;
        Ok(Self(units * MILLION + millionths))
    }
}

impl TryFrom<String> for Price {
    type Error = NotAPrice;

    fn try_from(text: String) -> Result<Self, NotAPrice> {
        text.parse()
    }
}

impl From<Price> for String {
    fn from(price: Price) -> Self {
        price.to_string()
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / MILLION, self.0 % MILLION)
    }
}

impl JsonSchema for Price {
    fn schema_name() -> Cow<'static, str> {
        "Price".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "price" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_read_back_as_it_was_written() {
        for (text, written) in [("0.192", "0.192000"), ("12", "12.000000"), (" 0.0000005 ", "")] {
            match text.parse::<Price>() {
                Ok(price) => {
                    assert_eq!(price.to_string(), written);
                    assert_eq!(written.parse(), Ok(price));
                }
                Err(error) => assert!(written.is_empty(), "{error}"),
            }
        }
    }

    #[test]
    fn what_is_no_price_is_refused() {
        for text in ["", ".", "1.", ".5", "-1", "1,5", "1e3", "0.1234567", "10000000", "0.19 USD"] {
            assert!(text.parse::<Price>().is_err(), "{text}");
        }
    }
}
