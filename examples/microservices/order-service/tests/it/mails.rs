//! The file in the place of a mail server.

use std::fs;

use order_service::{Mail, MailFile, Mailer};

use crate::place::Place;

fn mail(id: &str) -> Mail {
    Mail { id: id.to_owned(), to: "ada@example.org".to_owned(), text: "Hello!".to_owned() }
}

#[tokio::test]
async fn a_mail_is_sent_once_whoever_has_sent_it() {
    let place = Place::sqlite();
    let path = place.file("mails.log");
    for ids in [["1", "1", "2"], ["2", "3", "1"]] {
        let mails = MailFile::new(&path);
        for id in ids {
            mails.send(&mail(id)).await.expect("a file");
        }
    }
    let text = fs::read_to_string(path).expect("mails");
    let sent: Vec<Mail> = text.lines().map(|line| serde_json::from_str(line).expect("a mail")).collect();
    assert_eq!(sent, ["1", "2", "3"].map(mail));
}

#[tokio::test]
async fn a_mail_that_was_cut_off_is_sent_again() {
    let place = Place::sqlite();
    let path = place.file("mails.log");
    let whole = serde_json::to_string(&mail("1")).expect("JSON");
    fs::write(&path, &whole[..whole.len() / 2]).expect("a file");
    MailFile::new(&path).send(&mail("1")).await.expect("a file");
    assert!(fs::read_to_string(path).expect("mails").ends_with(&format!("\n{whole}\n")));
}

#[tokio::test]
async fn mails_at_the_same_time_have_lines_of_their_own() {
    let place = Place::sqlite();
    let path = place.file("mails.log");
    let mails = MailFile::new(&path);
    let (one, other) = (mail("1"), mail("2"));
    let (first, second) = tokio::join!(mails.send(&one), mails.send(&other));
    first.and(second).expect("a file");
    assert_eq!(fs::read_to_string(path).expect("mails").lines().count(), 2);
}
