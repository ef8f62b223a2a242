//! The user data of a host that must boot with its services stopped, which is executed before any service starts.

use aws_smithy_types::base64;
use cutover_hosts::supervisor::autostart;

/// The user data of a host that must boot stopped, in base 64. `hold_services` is the deployment's own command.
pub(super) fn user_data(hold_services: Option<&[String]>) -> String {
    base64::encode(cloud_config(hold_services))
}

/// `bootcmd` runs before ordinary services, at every boot; cloud-init's guard limits it to once for each instance. (Its
/// `once` would keep an image of such a host from ever holding services again.)
fn cloud_config(hold_services: Option<&[String]>) -> String {
    let by_default = autostart::hold();
    let guard = ["cloud-init-per", "instance", "cutover-hold-services"].map(str::to_owned);
    let command = [&guard, hold_services.unwrap_or(&by_default)].concat();
    // A list in JSON is one in YAML, with every argument quoted.
    format!("#cloud-config\nbootcmd:\n- {}\n", serde_json::Value::from(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_held_by_turning_autostart_off_once_for_each_instance() {
        let config = cloud_config(None);
        let list = config.strip_prefix("#cloud-config\nbootcmd:\n- ").expect("one command at boot");
        let words: Vec<String> = serde_json::from_str(list).expect("a list of words");
        assert_eq!(words[..3], ["cloud-init-per", "instance", "cutover-hold-services"]);
        assert_eq!(words[3..], autostart::hold());
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
