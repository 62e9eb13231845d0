//! What the documentation has cron and systemd run, run as they run it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::notify::{Config, lake};
use crate::program::{REPUTE, Run, poll, scratch};
use crate::receivers::{Hook, Process};
use crate::tools::installed;

fn documented(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(file)
}

/// The lines of the documented crontab.
fn crontab() -> Vec<String> {
    let text = fs::read_to_string(documented("cron.md")).unwrap();
    let block = text.split("```crontab\n").nth(1).unwrap().split("```").next().unwrap();
    block.lines().map(str::to_owned).collect()
}

/// A documented command, for this program and configuration.
fn for_us(command: &str, config: &Config) -> String {
    let command = command.replace("/usr/local/bin/repute", REPUTE);
    command.replace("/etc/repute/repute.toml", &config.path().to_string_lossy())
}

/// A configuration that names the lake itself, as the documented commands expect.
fn config(hook: &Hook) -> Config {
    Config::of(&format!("[[notify]]\nname = \"hook\"\nto = \"webhook\"\nurl = \"{}/\"\n", hook.url))
}

fn write(config: &Config, warn: f64, critical: f64) {
    config.write(warn, critical);
    let text = fs::read_to_string(config.path()).unwrap();
    fs::write(config.path(), format!("lake = \"{}\"\n{text}", lake().display())).unwrap();
}

/// The environment is what Debian's cron gives: crontab(5).
#[test]
fn the_documented_lines_run_in_crons_environment() {
    let hook = Hook::start();
    let config = config(&hook);
    let lines = crontab();
    let command = |words: &str| {
        let line = lines.iter().find(|line| line.contains(words)).unwrap();
        let command = line.splitn(6, char::is_whitespace).nth(5).unwrap().trim();
        let home = scratch();
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &for_us(command, &config)]).env_clear().current_dir(home.path());
        shell.env("SHELL", "/bin/sh").env("PATH", "/usr/bin:/bin").env("LOGNAME", "ops").env("HOME", home.path());
        Run::of(&mut shell)
    };
    write(&config, 0.05, 0.08);
    let critical = command("repute.toml --quiet").expect(2);
    assert!(critical.stdout.starts_with("REPUTE CRITICAL - bounce rate 10 %"), "{critical:?}");
    assert_eq!((critical.stderr.as_str(), hook.take().len()), ("", 1));
    write(&config, 0.5, 0.9);
    let ok = command("repute.toml --quiet").expect(0);
    assert_eq!((ok.stdout.as_str(), ok.stderr.as_str(), hook.take().len()), ("", "", 1));
    let heartbeat = command("--heartbeat").expect(0);
    assert_eq!((heartbeat.stdout.as_str(), heartbeat.stderr.as_str()), ("", ""));
}

/// Debian's cron itself; the crontab is root's, so that this is left out elsewhere than on a machine for tests.
#[test]
fn cron_runs_the_check() {
    let is_root = Run::of(Command::new("id").arg("-u")).stdout.trim() == "0";
    let (Some(cron), Some(_)) = (installed("cron"), installed("crontab")) else { return };
    let is_running =
        Run::of(Command::new("sh").args(["-c", "cat /proc/[0-9]*/comm 2>/dev/null | grep -qx cron"])).code == 0;
    let has_crontab = Run::of(Command::new("crontab").arg("-l")).code == 0;
    if !is_root || is_running || has_crontab {
        eprintln!("skipped: cron is somebody's here");
        return;
    }
    let hook = Hook::start();
    let config = config(&hook);
    write(&config, 0.05, 0.08);
    let folder = scratch();
    let lines = crontab();
    let line = lines.iter().find(|line| line.contains("repute.toml --quiet") && line.contains(" check ")).unwrap();
    let command = for_us(line.splitn(6, char::is_whitespace).nth(5).unwrap().trim(), &config);
    let table = folder.path().join("crontab");
    let out = folder.path().join("out");
    fs::write(&table, format!("MAILTO=\"\"\n* * * * * {command} > {out} 2>&1; env > {out}.env\n", out = out.display()))
        .unwrap();
    assert_eq!(Run::of(Command::new("crontab").arg(&table)).code, 0);
    let process = Process::start(Command::new(cron).arg("-f"));
    let arrived = poll("cron's check", Duration::from_secs(90), || hook.take().first().cloned());
    let environment = poll("cron's environment", Duration::from_secs(30), || {
        // The shell makes the file before there is anything in it.
        fs::read_to_string(format!("{}.env", out.display())).ok().filter(|text| text.contains("PATH="))
    });
    let removed = Run::of(Command::new("crontab").arg("-r"));
    drop(process);
    assert_eq!(removed.code, 0);
    assert_eq!(arrived.json()["state"], "CRITICAL");
    assert!(fs::read_to_string(&out).unwrap().starts_with("REPUTE CRITICAL - "));
    assert!(environment.contains("PATH=/usr/bin:/bin\n") && !environment.contains("CARGO"), "{environment}");
}

#[test]
fn systemd_takes_the_units() {
    let Some(analyze) = installed("systemd-analyze") else { return };
    let folder = scratch();
    let mut units = Vec::new();
    for name in [
        "repute-check.service",
        "repute-check.timer",
        "repute-import.service",
        "repute-import.timer",
        "repute-serve.service",
    ] {
        let text = fs::read_to_string(documented("systemd").join(name)).unwrap();
        let unit = folder.path().join(name);
        // The program must be there to be verified, and is not installed here.
        fs::write(&unit, text.replace("/usr/local/bin/repute", REPUTE)).unwrap();
        units.push(unit);
    }
    let run = Run::of(Command::new(&analyze).args(["verify", "--man=no"]).args(&units)).expect(0);
    let about_us: Vec<_> = run.stderr.lines().filter(|line| line.contains("repute")).collect();
    assert_eq!((about_us, run.stdout.as_str()), (Vec::new(), ""), "{}", run.stderr);
    // It finds mistakes.
    let broken = folder.path().join("repute-check.service");
    let text = fs::read_to_string(&broken).unwrap();
    fs::write(&broken, text.replace("ProtectHome=", "ProtectHomme=")).unwrap();
    let run = Run::of(Command::new(&analyze).args(["verify", "--man=no"]).arg(&broken));
    assert!(run.stderr.contains("ProtectHomme"), "{}", run.stderr);
    let security = Run::of(Command::new(&analyze).args(["security", "--offline=true"]).arg(&units[2]));
    let level =
        security.stdout.lines().find(|line| line.contains("Overall exposure level")).unwrap_or_default().to_owned();
    let level: f64 =
        level.split(|c: char| c != '.' && !c.is_ascii_digit()).find_map(|word| word.parse().ok()).unwrap_or(10.0);
    assert!(level < 3.0, "{}", security.stdout);
}

/// What the service of the check runs is what its documentation says, and its answers are no failures of the unit.
#[test]
fn the_service_runs_the_check() {
    let text = fs::read_to_string(documented("systemd/repute-check.service")).unwrap();
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap();
    let hook = Hook::start();
    let config = config(&hook);
    let answers: Vec<i32> = value("SuccessExitStatus").split(' ').map(|code| code.parse().unwrap()).collect();
    for (warn, critical, code) in [(0.05, 0.5, 1), (0.05, 0.08, 2), (0.5, 0.9, 0)] {
        write(&config, warn, critical);
        let words = for_us(value("ExecStart"), &config);
        let mut words = words.split(' ');
        let run = Run::of(Command::new(words.next().unwrap()).args(words).env_clear());
        assert_eq!(run.code, code, "{run:?}");
        assert!(code == 0 || answers.contains(&code));
    }
    assert_eq!(hook.take().len(), 3);
}
