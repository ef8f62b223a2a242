//! The commands, and what their answers mean.

use crate::command::Said;
use crate::hold::{Order, State, Verb, answer, ask, asked, read};

#[test]
fn an_answer_that_does_not_tell_of_everything_is_an_error() {
    let items = ["/etc/cron.d/edxapp", "nightly.timer"].map(str::to_owned);
    let said = |stdout: &str| Said { stdout: stdout.to_owned(), ..Said::default() };
    let whole = answer(&items, true);
    assert_eq!(
        read(&items, &said(&whole)).expect("it is complete").into_values().collect::<Vec<_>>(),
        [State::Held, State::Held]
    );
    for cut in ["", "end\n", "held nightly.timer\nend\n", "held /etc/cron.d/edxapp\nheld nightly.timer\n"] {
        assert!(read(&items, &said(cut)).is_err(), "{cut}");
    }
    assert!(read(&items, &Said { exit: 1, ..said(&whole) }).is_err());
    assert!(read(&items, &said(&whole.replace("nightly", "fortnightly"))).is_err());
}

#[test]
fn questions_and_orders_are_recognised_by_their_commands() {
    let items = vec!["/etc/cron.d/edxapp".to_owned()];
    assert_eq!(asked(&ask(&items)), Some(items.as_slice()));
    for verb in [Verb::Hold, Verb::PutBack] {
        let order = Order { verb, items: items.clone() };
        assert_eq!(Order::of(&order.command()), Some(order));
    }
    assert_eq!(Order::of(&ask(&items).command), None);
}
