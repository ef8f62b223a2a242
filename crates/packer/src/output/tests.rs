use super::*;

/// Recorded: Packer 1.6.6 (Debian) against moto, one builder with `communicator: none` and a local shell.
const RECORDED: &[u8] = include_bytes!("recorded/1.6.6-built.txt");

/// Recorded: the same, with a provisioner that exits 3.
const FAILED: &[u8] = include_bytes!("recorded/1.6.6-provisioner-exits-3.txt");

fn read(output: &[u8]) -> (Reading, Vec<Event>) {
    let mut reading = Reading::default();
    let mut events = reading.take(output);
    events.extend(reading.end());
    (reading, events)
}

#[test]
fn a_recorded_build_tells_its_image_and_all_that_was_made_on_the_way() {
    let (reading, events) = read(RECORDED);
    let image = Image { region: "us-east-1".to_owned(), id: "ami-10f58685364accac9".to_owned() };
    assert_eq!(reading.images().iter().collect::<Vec<_>>(), [&image], "the manifest lists it again");
    let made = reading.made();
    let only = |set: &std::collections::BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>();
    assert_eq!(only(&made.instances), ["i-7ee9703aabec3e1b3"]);
    assert_eq!(only(&made.key_pairs), ["packer_6b0dd6db-74ac-8fd1-050f-2bc670677212"]);
    assert_eq!(only(&made.security_groups), ["packer_6b0dd6db-fa4d-2799-e7c4-bb50b184b574"]);
    assert_eq!(only(&made.images), ["ami-10f58685364accac9"]);
    assert_eq!(only(&made.snapshots), ["snap-be58510b5cfc34de6"]);
    let hello = events.iter().find(|event| event.text == "hello, world").expect("commas are commas");
    assert_eq!((hello.kind, hello.builder.as_deref()), (EventKind::Detail, Some("edxapp")));
    assert!(events.contains(&Event {
        kind: EventKind::Step,
        builder: Some("edxapp".to_owned()),
        text: "Waiting for AMI to become ready...".to_owned()
    }));
}

#[test]
fn pieces_of_any_size_mean_the_same_as_the_whole() {
    let (whole, events) = read(RECORDED);
    for size in [1, 2, 7, 100, 4096] {
        let mut reading = Reading::default();
        let mut seen: Vec<Event> = RECORDED.chunks(size).flat_map(|piece| reading.take(piece)).collect();
        seen.extend(reading.end());
        assert_eq!(seen, events, "in pieces of {size} bytes");
        assert_eq!((reading.made(), reading.images()), (whole.made(), whole.images()));
    }
}

#[test]
fn a_torn_last_line_waits_for_its_end() {
    let mut reading = Reading::default();
    assert_eq!(reading.take(b"1796068600,,ui,message,    edxapp: Instance ID: i-d05b1134"), []);
    assert!(reading.made().is_empty(), "half an id is none");
    reading.take(b"7704fd399\n");
    assert!(reading.made().instances.contains("i-d05b11347704fd399"));
}

#[test]
fn a_failure_is_told_in_packers_own_words() {
    let (reading, _) = read(FAILED);
    assert_eq!(reading.failures(), ["Script exited with non-zero exit status: 3.Allowed exit codes are: [0]"]);
    assert!(reading.images().is_empty());
    assert!(reading.tail().any(|line| line == "Terminating the source AWS instance..."));
}

#[test]
fn without_a_summary_the_last_errors_are_the_failure() {
    let (reading, events) = read(b"1,,ui,error,==> edxapp: Error creating AMI: boom\n==> panic: runtime error\n");
    assert_eq!(reading.failures(), ["Error creating AMI: boom"]);
    assert_eq!(events.last().map(|event| event.kind), Some(EventKind::Other));
}

#[test]
fn several_regions_and_builders_are_told_apart() {
    let (reading, _) = read(
        b"1,a,artifact,0,id,us-east-1:ami-1%!(PACKER_COMMA)us-west-2:ami-2\n1,b,artifact,0,id,us-east-1:ami-3\n1,b,artifact,1,id,vagrant.box\n",
    );
    let images: Vec<_> = reading.images().iter().map(|image| (image.region.as_str(), image.id.as_str())).collect();
    assert_eq!(images, [("us-east-1", "ami-1"), ("us-east-1", "ami-3"), ("us-west-2", "ami-2")]);
}

#[test]
fn what_a_provisioner_prints_is_not_taken_for_what_packer_makes() {
    let (reading, events) = read(
        b"1,,ui,message,    edxapp: Instance ID: $(rm -rf /)\n1,,ui,message,    edxapp: AMI: ami-xyz\n1,,ui,message,    edxapp: \x1b[31mred\x1b[0m\x07\x00 \xff\n",
    );
    assert!(reading.made().is_empty());
    assert_eq!(events.last().expect("shown").text, "red \u{fffd}");
}

#[test]
fn an_instance_that_a_provisioner_names_is_not_the_builder() {
    let (reading, _) = read(
        b"1,,ui,message,    edxapp: Instance ID: i-0b621ca091aa4c240\n\
          1,,ui,say,==> edxapp: Waiting for instance (i-0b621ca091aa4c240) to become ready...\n\
          1,,ui,message,    edxapp: Instance ID: i-0aaaaaaaaaaaaaaaa\n\
          1,,ui,message,    worker: Instance ID: i-0bbbbbbbbbbbbbbbb\n",
    );
    let instances: Vec<_> = reading.made().instances.iter().map(String::as_str).collect();
    assert_eq!(
        instances,
        ["i-0b621ca091aa4c240", "i-0bbbbbbbbbbbbbbbb"],
        "the other builder has not launched its own yet"
    );
}

#[test]
fn a_line_without_an_end_is_cut_and_the_next_one_is_read() {
    let mut reading = Reading::default();
    reading.take(b"1,,ui,message,    edxapp: ");
    for _ in 0..100 {
        reading.take(&[b'x'; 100_000]);
    }
    let events = reading.take(b"\n1,,ui,say,==> edxapp: Stopping the source instance...\n");
    assert!(events[0].text.len() < 70_000);
    assert_eq!(events[1].text, "Stopping the source instance...");
}

#[test]
fn after_a_gap_the_rest_of_a_line_is_not_read_as_one() {
    let mut reading = Reading::default();
    reading.take(b"1,,ui,message,    edxapp: begin");
    reading.skip();
    let events = reading.take(b"1,,error,not a line\n1,,ui,say,==> edxapp: on\n");
    assert_eq!(events.iter().map(|event| event.text.as_str()).collect::<Vec<_>>(), ["on"]);
    assert!(reading.failures().is_empty());
}

#[test]
fn the_plugin_of_later_versions_says_the_same() {
    // Recorded by others: https://github.com/cloudposse/atmos/pull/1394 (2025), in the form for people; put into lines of the
    // machine-readable form here, as Packer 1.16's source does it: details are `say`, and builders have two names.
    let (reading, events) = read(
        b"1,,ui,say,==> amazon-ebs.al2023: Creating temporary keypair: packer_688c4c79-f14a-b77e-ca1e-b5b4c17b4581\n\
          1,,ui,say,==> amazon-ebs.al2023: Creating temporary security group for this instance: packer_688c4c7b-3f16-69f9-0c39-88a3fcbe94fd\n\
          1,,ui,say,==> amazon-ebs.al2023: Instance ID: i-0b621ca091aa4c240\n",
    );
    assert_eq!(events[0].builder.as_deref(), Some("amazon-ebs.al2023"));
    let made = reading.made();
    assert!(made.instances.contains("i-0b621ca091aa4c240"));
    assert_eq!((made.key_pairs.len(), made.security_groups.len()), (1, 1));
}

proptest::proptest! {
    #[test]
    fn no_bytes_crash_it(pieces in proptest::collection::vec(proptest::collection::vec(proptest::num::u8::ANY, 0..200), 0..8)) {
        let mut reading = Reading::default();
        for piece in &pieces {
            reading.take(piece);
        }
        reading.end();
        let _ = reading.failures();
    }
}
