//! The script of the agents: they look for secrets, and write programs that print their own.

use serde_json::{Value, json};

/// A shell function that prints a variable in several encodings, and the whole environment.
const TELL: &str = r#"tell() {
  env
  eval "value=\$$1"
  echo "it is $value"; echo "again: $value" >&2
  printf %s "$value" | base64; printf %s "user:$value@host" | base64 -w 0; echo
  printf %s "$value" | od -An -v -tx1 | tr -d ' \n'; echo
  printf '{"key": "%s"}\n' "$value"
  yes "$value" | head -n 3000
}
"#;

/// A server that waits for the sampler, prints its key and answers requests.
const SERVER: &str = r#"use IO::Socket::INET; $| = 1;
kill "STOP", $$;
print "my key is $ENV{PREVIEW_KEY}\n"; print STDERR join(",", %ENV), "\n";
my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $ENV{PORT}, Listen => 9, ReuseAddr => 1) or die;
while (my $c = $s->accept) { my $l = <$c>; print $c "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"; close $c }
"#;

/// The search of an agent for secrets; it waits for the sampler first.
const SEARCH: &str = "kill -STOP $$; env; cat /proc/*/environ /proc/*/cmdline /proc/self/mountinfo; \
    find / -xdev -name 'secret.key' -o -xdev -name '*.env' 2>/dev/null; ls -la / \"$HOME\" \"$HOME/..\"; true";

fn bash_step(command: &str) -> Value {
    json!({ "tools": [{ "name": "Bash", "input": { "command": command, "description": "work" } }] })
}

fn write_step(path: &str, content: &str) -> Value {
    let file = format!("{{{{ clone }}}}/{path}");
    json!({ "tools": [{ "name": "Write", "input": { "file_path": file, "content": content } }] })
}

fn say_step(text: &str) -> Value {
    json!({ "text": text })
}

fn plan_document() -> Value {
    // A program that has a key stops itself until `ProcessSampler` has read it.
    let check = ". tests/tell; tell CHECK_KEY; kill -STOP $$; test -n \"$CHECK_KEY\" && \
        test -z \"$TEST_KEY$PREVIEW_KEY$IDLE_KEY$ANTHROPIC_API_KEY\" && grep -q hello site/index.html";
    json!({
        "summary": "A page that greets.",
        "features": [{ "id": "F1", "title": "Greeting", "description": "It says hello." }],
        "criteria": [{ "id": "C1", "feature": "F1", "text": "The page says hello.",
            "check": { "kind": "command", "command": check } }],
        "milestones": [{ "id": "M1", "title": "All", "tasks": ["T1", "T2"] }],
        "tasks": [
            { "id": "T1", "title": "Greet", "description": "Say hello.", "role": "developer",
              "dependsOn": [], "criteria": ["C1"], "estimateUsd": 0.5 },
            { "id": "T2", "title": "Test", "description": "Test it.", "role": "tester",
              "dependsOn": ["T1"], "criteria": ["C1"], "estimateUsd": 0.5 },
        ],
        "testCommand": "sh tests/run.sh",
        "preview": { "kind": "command", "command": "perl serve.pl", "port": 8000, "path": "/" },
    })
}

/// Returns the script. An agent commits `committed` in a file that no commit may contain.
pub fn rehearsal_script(committed: &str) -> String {
    let run = "set -e\n. tests/tell\ntell TEST_KEY\nkill -STOP $$\ntest -n \"$TEST_KEY\"\n\
        test -z \"$CHECK_KEY$PREVIEW_KEY$IDLE_KEY$ANTHROPIC_API_KEY\"\ntest -f site/index.html\n";
    let part = |role: &str, task: &str, attempt: Option<u32>, steps: Vec<Value>| {
        let mut part = json!({ "role": role, "task": task, "steps": steps });
        if let Some(attempt) = attempt {
            part["attempt"] = attempt.into();
        }
        part
    };
    let force =
        format!("echo 'KEY={committed}' > .env; git add -f .env; git commit -qm 'Add a key'");
    let red = "echo 'exit 1' >> tests/run.sh; echo one > site/one.txt";
    let green = "sed -i '$d' tests/run.sh; cat tests/run.sh";
    let agents = vec![
        part(
            "pm",
            "*",
            None,
            vec![
                write_step("docs/requirements.md", "# Requirements\n\nA greeting.\n"),
                say_step("They are written."),
            ],
        ),
        part(
            "architect",
            "*",
            None,
            vec![
                write_step("docs/architecture.md", "# Architecture\n\nOne page.\n"),
                json!({ "structured": plan_document() }),
            ],
        ),
        part(
            "developer",
            "demo-*",
            None,
            vec![
                bash_step("mkdir -p site tests; echo '<h1>hello</h1>' > site/index.html"),
                write_step("tests/tell", TELL),
                write_step("tests/run.sh", run),
                write_step("serve.pl", SERVER),
                bash_step("git add -A; git commit -qm 'Demo page'"),
                say_step("The demo stands."),
            ],
        ),
        part(
            "developer",
            "T1",
            Some(1),
            vec![bash_step(SEARCH), bash_step(&force), say_step("Done.")],
        ),
        part(
            "developer",
            "T1",
            Some(2),
            vec![
                bash_step("git rm -qf .env"),
                bash_step(red),
                say_step("Done."),
            ],
        ),
        part(
            "developer",
            "T1",
            None,
            vec![bash_step(green), say_step("Green again.")],
        ),
        part(
            "tester",
            "*",
            None,
            vec![
                write_step("tests/hello.sh", "grep -q hello site/index.html\n"),
                json!({ "tools": [{ "name": "mcp__eklavya__run_tests", "input": {} }] }),
                say_step("The test is written."),
            ],
        ),
        part(
            "qa",
            "*",
            None,
            vec![
                json!({ "tools": [{ "name": "mcp__eklavya__run_check", "input": { "criterion": "C1" } }] }),
                json!({ "structured": { "summary": "good",
                "verdicts": [{ "criterion": "C1", "pass": true, "reason": "it passed" }] } }),
            ],
        ),
    ];
    json!({ "rehearsal": 1, "agents": agents }).to_string()
}
