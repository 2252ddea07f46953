//! `cargo xtask demo`: plays what an example says of itself.
//!
//! The script is the transcript at the head of the example: lines that begin with `$ ` are typed, those that follow are
//! what one then sees, up to the next command or the end of the block; after `nc` they are typed and answered by turns. So
//! what is documented is what is played, and an answer that differs fails. A command is `curl`, `nc` or `sleep`. An
//! example without a transcript is started, and stopped once it is ready if it does not end by itself. Systems of several
//! programs have scripts of their own.

mod microservices;

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    thread,
    time::Duration,
};

use crate::{
    args::Args,
    failure::{Failure, Result},
    http::{Answer, Connection, Request},
    listing::{Entry, Listing},
    process::{cargo, run as run_command, target_dir},
    program::Program,
    repo::Repo,
};

/// What the core logs when everything is up.
const READY: &str = "app ready";
/// No example takes longer to start, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn run(mut args: Args) -> Result {
    let is_built = args.flag("--built");
    let postgres = args.values("--postgres")?.pop();
    let name = args.next();
    args.finish()?;
    let repo = Repo::read()?;
    let examples = Listing::of_examples(&repo);
    let Some(name) = name else {
        examples.print();
        return Ok(());
    };
    let examples = examples.choose(&name)?;
    if let Some(postgres) = postgres.as_ref().filter(|_| name != microservices::NAME) {
        let name = microservices::NAME;
        return Err(Failure::Usage(format!(
            "`--postgres {postgres}` is for `{name}`: no other example has use for it"
        )));
    }
    for example in examples {
        if example.name == microservices::NAME {
            microservices::play(is_built, postgres.as_deref())?;
            continue;
        }
        let script = Script::parse(repo.text(&example.path).unwrap_or_default());
        play(example, &script?, is_built)?;
    }
    Ok(())
}

/// Builds the programs of packages, unless they were built.
fn build(packages: &[&str], is_built: bool) -> Result {
    if is_built {
        return Ok(());
    }
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    run_command(&mut cargo(["build", "--quiet"].into_iter().chain(packages)))
}

fn play(example: &Entry, script: &Script, is_built: bool) -> Result {
    script.hosts_are_free()?;
    let name = &*example.name;
    build(&[name], is_built)?;
    println!("$ cargo run -p {name}");
    let mut program = Program::start(command(name))?;
    let is_up = program.prints(READY, PATIENCE);
    show(&mut program);
    if is_up {
        script.steps.iter().try_for_each(Step::play)?;
        println!("$ kill -TERM {}", program.id());
        if !program.signal(&["TERM"]) {
            return Err(Failure::check("cannot signal: that needs the shell of a Unix"));
        }
    }
    let status = program.end(PATIENCE)?;
    show(&mut program);
    match status.and_then(|status| status.code()) {
        Some(0) if is_up || script.steps.is_empty() => {
            println!("exit code 0\n");
            Ok(())
        }
        Some(code) => Err(Failure::check(format!("`{name}` ended with code {code}"))),
        None => Err(Failure::check(format!("`{name}` did not end by itself"))),
    }
}

/// The program of an example.
fn command(name: &str) -> Command {
    Command::new(target_dir().join("debug").join(name))
}

/// Shows what the program has printed since.
fn show(program: &mut Program) {
    program.take_printed().iter().for_each(|line| println!("{line}"));
}

/// What is typed, in order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Script {
    steps: Vec<Step>,
}

/// A command, and what follows it.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    line: String,
    action: Action,
    lines: Vec<String>,
}

/// What a command does.
#[derive(Debug, PartialEq, Eq)]
enum Action {
    /// `curl [-d BODY | --json BODY] http://HOST/PATH`
    Ask(Request),
    /// `nc HOST PORT`
    Talk { host: String },
    /// `sleep SECONDS`
    Wait(Duration),
}

impl Script {
    /// Reads the transcript in the `//!` lines of an example.
    fn parse(text: &str) -> Result<Self> {
        let header = text.lines().map_while(|line| line.strip_prefix("//!"));
        let mut steps: Vec<Step> = Vec::new();
        let mut follows = false;
        for line in header.map(|line| line.strip_prefix(' ').unwrap_or(line)) {
            if let Some(command) = line.strip_prefix("$ ") {
                steps.push(Step { line: line.to_owned(), action: Action::parse(command)?, lines: Vec::new() });
                follows = true;
            } else if line.starts_with("```") {
                follows = false;
            } else if let (true, Some(step)) = (follows, steps.last_mut()) {
                step.lines.push(line.to_owned());
            }
        }
        Ok(Self { steps })
    }

    /// Whatever listens there already would answer in the place of the example.
    fn hosts_are_free(&self) -> Result {
        let mut hosts = self.steps.iter().filter_map(|step| step.action.host());
        match hosts.find(|host| TcpListener::bind(host).is_err()) {
            None => Ok(()),
            Some(host) => Err(Failure::check(format!("{host} is taken: end what listens there, and try again"))),
        }
    }
}

impl Step {
    fn play(&self) -> Result {
        println!("{}", self.line);
        match &self.action {
            Action::Ask(request) => self.ask(request),
            Action::Talk { host } => self.talk(host),
            Action::Wait(time) => {
                wait(*time);
                Ok(())
            }
        }
    }

    fn ask(&self, request: &Request) -> Result {
        let mut connection = Connection::open(&request.host).map_err(|error| Failure::met(&request.host, error))?;
        match connection.ask(request) {
            Answer::Whole(body) => self.shows(body.trim_end(), &self.lines.join("\n")),
            Answer::Nothing | Answer::Cut => Err(Failure::check(format!("`{}` was not answered", self.line))),
        }
    }

    fn talk(&self, host: &str) -> Result {
        let met = |error| Failure::met(&self.line, error);
        let mut stream = TcpStream::connect(host).map_err(met)?;
        let answers = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.try_clone()).map_err(met)?;
        let mut answers = BufReader::new(answers).lines();
        for turn in self.lines.chunks(2) {
            println!("{}", turn[0]);
            stream.write_all(format!("{}\n", turn[0]).as_bytes()).map_err(met)?;
            if let Some(expected) = turn.get(1) {
                let answer = answers.next().unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()));
                self.shows(&answer.map_err(met)?, expected)?;
            }
        }
        Ok(())
    }

    /// Shows an answer, which has to be the one that is documented.
    fn shows(&self, answer: &str, expected: &str) -> Result {
        println!("{answer}");
        if answer == expected.trim_end() {
            return Ok(());
        }
        Err(Failure::check(format!("`{}` was to show `{expected}`; mend the one or the other", self.line)))
    }
}

impl Action {
    fn parse(command: &str) -> Result<Self> {
        let action = match *words(command) {
            ["curl", url] => place(url).map(|(host, path)| Self::Ask(Request::get(host, path))),
            ["curl", "-d", body, url] => place(url).map(|(host, path)| Self::Ask(Request::post(host, path, body))),
            ["curl", "--json", body, url] => {
                place(url).map(|(host, path)| Self::Ask(Request::post_json(host, path, body)))
            }
            ["nc", host, port] => Some(Self::Talk { host: format!("{host}:{port}") }),
            ["sleep", seconds] => seconds.parse().ok().map(|seconds| Self::Wait(Duration::from_secs(seconds))),
            _ => None,
        };
        action.ok_or_else(|| {
            Failure::check(format!(
                "the transcript says `{command}`, and may say `curl [-d BODY] http://HOST/PATH`, the same with `--json`, \
                `nc HOST PORT` or `sleep SECONDS`"
            ))
        })
    }

    fn host(&self) -> Option<&str> {
        match self {
            Self::Ask(request) => Some(&request.host),
            Self::Talk { host } => Some(host),
            Self::Wait(_) => None,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this thread has nobody to wait for it")]
fn wait(time: Duration) {
    thread::sleep(time);
}

/// The words of a command; what is between single quotes is one.
fn words(command: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for (at, part) in command.split('\'').enumerate() {
        if at % 2 == 1 {
            words.push(part);
        } else {
            words.extend(part.split_whitespace());
        }
    }
    words
}

/// The host and the path of a URL.
fn place(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("http://")?;
    Some(rest.split_at(rest.find('/')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "//! Says hello.\n//!\n//! ```text\n//! $ curl http://127.0.0.1:8080/hello\n//! Hello!\n//! \
        $ curl -d World http://127.0.0.1:8080/\n//! one\n//! two\n//! ```\n//!\n//! More.\n\nfn main() {}\n";

    #[test]
    fn the_header_is_the_script() {
        let Script { steps } = Script::parse(HEADER).unwrap();
        let seen: Vec<_> = steps.iter().map(|step| (&*step.line, step.lines.join("|"))).collect();
        let expected =
            [("$ curl http://127.0.0.1:8080/hello", "Hello!"), ("$ curl -d World http://127.0.0.1:8080/", "one|two")];
        assert_eq!(seen, expected.map(|(line, lines)| (line, lines.to_owned())));
        let post = Request::post("127.0.0.1:8080", "/", "World");
        assert_eq!(steps[1].action, Action::Ask(post));
    }

    #[test]
    fn what_is_quoted_is_one_word() {
        let action = Action::parse(r#"curl --json '{"id": 1}' http://127.0.0.1:8080/rpc"#).unwrap();
        assert_eq!(action, Action::Ask(Request::post_json("127.0.0.1:8080", "/rpc", r#"{"id": 1}"#)));
        let action = Action::parse("sleep 2").unwrap();
        assert_eq!(action, Action::Wait(Duration::from_secs(2)));
        assert_eq!(action.host(), None);
    }

    #[test]
    fn a_header_without_a_transcript_has_no_steps() {
        assert_eq!(Script::parse("//! Says hello.\n\nfn main() {}\n").unwrap(), Script::default());
    }

    #[test]
    fn a_talk_goes_by_turns() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let header = format!("//! $ nc {}\n//! one\n//! one 1\n//! two\n//! two 1\n", host.replace(':', " "));
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                writeln!(stream, "{} 1", line.unwrap()).unwrap();
            }
        });
        let script = Script::parse(&header).unwrap();
        assert_eq!(script.steps[0].action, Action::Talk { host });
        script.steps[0].play().unwrap();
        server.join().unwrap();
    }

    #[test]
    fn an_answer_that_is_not_documented_fails() {
        let step = Step { line: "$ x".into(), action: Action::Talk { host: String::new() }, lines: Vec::new() };
        assert!(step.shows("Hello!", "Hello!").is_ok());
        assert!(step.shows("Hello!", "Hullo!").is_err());
    }

    #[test]
    fn commands_that_cannot_be_played_are_refused() {
        for command in
            ["wget http://127.0.0.1/", "curl -k https://127.0.0.1/", "curl", "curl http://a/ b", "nc a", "sleep on"]
        {
            let Err(Failure::Check(text)) = Action::parse(command) else { panic!("`{command}` is not played") };
            assert!(text.contains(command), "{text}");
        }
    }
}
