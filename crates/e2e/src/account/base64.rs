//! Base 64, in which user data and consoles travel.

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Text in base 64.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for bytes in text.as_bytes().chunks(3) {
        let number = (0..3).fold(0_usize, |number, index| number << 8 | usize::from(*bytes.get(index).unwrap_or(&0)));
        for index in 0..4 {
            let digit = char::from(DIGITS[number >> (18 - 6 * index) & 63]);
            encoded.push(if index <= bytes.len() { digit } else { '=' });
        }
    }
    encoded
}

/// The text that is in base 64; anything that is not a digit is passed over.
pub(super) fn decoded(text: &str) -> String {
    let digits: Vec<usize> = text.bytes().filter_map(|byte| DIGITS.iter().position(|digit| *digit == byte)).collect();
    let mut bytes = Vec::new();
    for four in digits.chunks(4) {
        let number = (0..4).fold(0, |number, index| number << 6 | four.get(index).unwrap_or(&0));
        let whole = [number >> 16 & 255, number >> 8 & 255, number & 255];
        bytes.extend(whole.iter().take(four.len() - 1).map(|byte| u8::try_from(*byte).unwrap_or(0)));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_any_length_is_the_same_after_both_ways() {
        assert_eq!(encoded("#cloud-config\n"), "I2Nsb3VkLWNvbmZpZwo=");
        for text in ["", "a", "ab", "abc", "#cloud-config\nbootcmd:\n- [\"é\"]\n"] {
            assert_eq!(decoded(&encoded(text)), text);
        }
    }
}
