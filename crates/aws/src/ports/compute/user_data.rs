//! The user data of a host that must boot with its services stopped, which is executed before any service starts.

use aws_smithy_types::base64;

/// Turns supervisor's `autostart` off for every program. Open edX's own files do not mention it, and supervisor's
/// default is to start a program: so existing lines are removed, and a line is added below the head of each program.
/// The files in `conf.d` are links to others, which are what is changed.
const HOLD: &str = "sed -i --follow-symlinks \
                    -e '/^[[:space:]]*autostart[[:space:]]*=/d' \
                    -e '/^\\[\\(fcgi-\\)\\?program:/a autostart=false' \
                    /edx/app/supervisor/conf.d/*.conf";

/// The user data of a host that must boot stopped, in base 64. `hold_services` is the deployment's own command.
pub(super) fn user_data(hold_services: Option<&[String]>) -> String {
    base64::encode(cloud_config(hold_services))
}

/// `bootcmd` runs before ordinary services, at every boot; cloud-init's guard limits it to once for each instance. (Its
/// `once` would keep an image of such a host from ever holding services again.)
fn cloud_config(hold_services: Option<&[String]>) -> String {
    let by_default = ["sh", "-c", HOLD].map(str::to_owned);
    let guard = ["cloud-init-per", "instance", "cutover-hold-services"].map(str::to_owned);
    let command = [&guard, hold_services.unwrap_or(&by_default)].concat();
    // A list in JSON is one in YAML, with every argument quoted.
    format!("#cloud-config\nbootcmd:\n- {}\n", serde_json::Value::from(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_held_by_turning_autostart_off_for_each_program() {
        assert_eq!(
            cloud_config(None),
            "#cloud-config\nbootcmd:\n- [\"cloud-init-per\",\"instance\",\"cutover-hold-services\",\"sh\",\"-c\",\
             \"sed -i --follow-symlinks -e '/^[[:space:]]*autostart[[:space:]]*=/d' \
             -e '/^\\\\[\\\\(fcgi-\\\\)\\\\?program:/a autostart=false' /edx/app/supervisor/conf.d/*.conf\"]\n"
        );
    }

    #[test]
    fn a_custom_command_is_quoted_argument_by_argument() {
        let own = ["/usr/local/bin/hold".to_owned(), "it's: #1 \"now\"".to_owned()];
        assert_eq!(
            cloud_config(Some(&own)),
            "#cloud-config\nbootcmd:\n- [\"cloud-init-per\",\"instance\",\"cutover-hold-services\",\
             \"/usr/local/bin/hold\",\"it's: #1 \\\"now\\\"\"]\n"
        );
    }

    #[test]
    fn user_data_travels_in_base_64() {
        let own = ["hold".to_owned()];
        let read = base64::decode(user_data(Some(&own))).expect("base 64");
        assert_eq!(String::from_utf8(read).expect("text"), cloud_config(Some(&own)));
    }
}
