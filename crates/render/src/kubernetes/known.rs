//! Images that are known: what they are, and as whom they run.

use mainstay_stack::Service;

/// A database or cache whose image brings its own tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Postgresql,
    Redis,
    Mysql,
}

/// Last part of an image's name, without tag and digest.
fn bare(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or_default();
    let last = image.rsplit('/').next().unwrap_or_default();
    last.split(':').next().unwrap_or_default()
}

pub(super) fn engine(service: &Service) -> Option<Engine> {
    match bare(service.image.as_deref()?) {
        "postgres" | "postgis" | "timescaledb" | "pgvector" => Some(Engine::Postgresql),
        "redis" | "valkey" => Some(Engine::Redis),
        "mysql" | "mariadb" => Some(Engine::Mysql),
        _ => None,
    }
}

/// The user and group that the official image of an engine changes to by itself when it is started as
/// root; started as them, it needs no privilege for that.
pub(super) fn user(service: &Service) -> Option<(i64, i64)> {
    let image = service.image.as_deref()?;
    let alpine = image.contains("alpine");
    Some(match (engine(service)?, alpine) {
        (Engine::Postgresql, true) => (70, 70),
        (Engine::Redis, true) => (999, 1000),
        _ => (999, 999),
    })
}

/// Folders that an engine writes to beside its data.
pub(super) fn scratch(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::Postgresql => &["/tmp", "/var/run/postgresql"],
        Engine::Redis => &[],
        Engine::Mysql => &["/tmp", "/var/run/mysqld"],
    }
}

/// Where its image keeps its data.
pub(super) fn data(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgresql => "/var/lib/postgresql/data",
        Engine::Redis => "/data",
        Engine::Mysql => "/var/lib/mysql",
    }
}

/// What its server listens on where nothing else is said.
pub(super) fn port(engine: Engine) -> u16 {
    match engine {
        Engine::Postgresql => 5432,
        Engine::Redis => 6379,
        Engine::Mysql => 3306,
    }
}

/// What the instance listens on, for TCP.
pub(super) fn first_port(service: &Service) -> Option<u16> {
    let said = service.ports.first().map(|port| port.target);
    said.or_else(|| engine(service).map(port))
}

/// All ports with a name each, the first without its number.
pub(super) fn ports(service: &Service) -> Vec<(String, u16)> {
    use mainstay_stack::PortProtocol;
    let mut named: Vec<(String, u16)> = Vec::new();
    for port in &service.ports {
        if named.iter().any(|(_, known)| *known == port.target) {
            continue;
        }
        let word = match port.protocol {
            PortProtocol::Http => "http",
            PortProtocol::Tcp => "tcp",
        };
        let taken = named.iter().any(|(name, _)| name == word);
        let name = if taken {
            format!("{word}-{}", port.target)
        } else {
            word.to_owned()
        };
        named.push((name, port.target));
    }
    if named.is_empty()
        && let Some(engine) = engine(service)
    {
        named.push(("tcp".to_owned(), port(engine)));
    }
    // A protocol that a mesh would take for HTTP is none of an engine's.
    if engine(service).is_some() {
        for (name, _) in &mut named {
            *name = name.replace("http", "tcp");
        }
    }
    named
}
