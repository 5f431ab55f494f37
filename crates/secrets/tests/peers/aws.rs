//! AWS Secrets Manager as moto plays it, over HTTP. With its authentication on, moto checks
//! signatures with botocore's own code.

use crate::asked::{answers, key, request, stores, told};
use crate::program;
use mainstay_stack::secrets::{Part, SecretRequest, Source, Template};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const REGION: &str = "eu-central-1";
const PASSWORD: &str = "p@ss/word & more";

/// Makes the secrets, and a user that may read them; prints ARN, access key and secret key.
const SET_UP: &str = "
import boto3, json, sys
kind = dict(endpoint_url=sys.argv[1], region_name='eu-central-1', aws_access_key_id='a', aws_secret_access_key='b')
secrets = boto3.client('secretsmanager', **kind)
database = dict(username='app', password='p@ss/word & more', host='db.example.org', port=5432, dbname='shop')
arn = secrets.create_secret(Name='prod/database', SecretString=json.dumps(database))['ARN']
secrets.create_secret(Name='prod/token', SecretString='the first one')
secrets.put_secret_value(SecretId='prod/token', SecretString='the second one')
secrets.create_secret(Name='prod/binary', SecretBinary=b'\\xff\\x00\\xfe')
iam = boto3.client('iam', **kind)
iam.create_user(UserName='deploy')
policy = dict(Version='2012-10-17', Statement=[dict(Effect='Allow', Action='secretsmanager:GetSecretValue', Resource='*')])
iam.put_user_policy(UserName='deploy', PolicyName='read', PolicyDocument=json.dumps(policy))
made = iam.create_access_key(UserName='deploy')['AccessKey']
print(arn); print(made['AccessKeyId']); print(made['SecretAccessKey'])
";

struct Moto {
    server: Child,
    address: SocketAddr,
    arn: String,
    access_key: String,
    secret_key: String,
}

impl Moto {
    /// `None`: it is not on this machine, and the test says so.
    fn start(test: &str) -> Option<Self> {
        let program = program("moto_server", test)?;
        let address = free_address();
        let server = Command::new(&program)
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut moto = Self {
            server,
            address,
            arn: String::new(),
            access_key: String::new(),
            secret_key: String::new(),
        };
        moto.wait();
        let python = program.with_file_name("python");
        let output = Command::new(python)
            .args(["-c", SET_UP, &moto.endpoint()])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let lines = String::from_utf8(output.stdout).unwrap();
        let mut lines = lines.lines().map(str::to_owned);
        moto.arn = lines.next().unwrap();
        moto.access_key = lines.next().unwrap();
        moto.secret_key = lines.next().unwrap();
        Some(moto)
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    fn wait(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(self.address).is_err() {
            let ended = self.server.try_wait().unwrap();
            assert!(ended.is_none(), "moto ended: {ended:?}");
            assert!(Instant::now() < deadline, "moto does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// From now on every call must be signed by somebody who may make it.
    fn authenticate(&self) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let head = "POST /moto-api/reset-auth HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1\r\n\r\n0";
        stream.write_all(head.as_bytes()).unwrap();
        let mut status = String::new();
        let mut stream = BufReader::new(stream);
        stream.read_line(&mut status).unwrap();
        assert!(status.contains(" 200 "), "{status}");
        let _ = stream.read_to_string(&mut status);
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}

fn aws(name: &str, secret: &str, endpoint: &str, part: Part) -> SecretRequest {
    request(
        name,
        Source::Aws {
            secret: secret.to_owned(),
            version: None,
            region: Some(REGION.to_owned()),
            endpoint: Some(endpoint.to_owned()),
            part,
        },
    )
}

fn with_version(mut request: SecretRequest, wanted: &str) -> SecretRequest {
    if let Source::Aws { version, .. } = &mut request.source {
        *version = Some(wanted.to_owned());
    }
    request
}

#[tokio::test]
async fn values_keys_and_versions_come_from_secrets_manager() {
    let test = "values_keys_and_versions_come_from_secrets_manager";
    let Some(moto) = Moto::start(test) else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let endpoint = moto.endpoint();
    let template = "postgresql://{username}:{password|urlencode}@{host}:{port}/{dbname}";
    let template = Part::Template(Template::parse(template).unwrap());
    let requests = [
        aws("url", "prod/database", &endpoint, template),
        aws("password", "prod/database", &endpoint, key("password")),
        aws("by_arn", &moto.arn, &endpoint, key("port")),
        aws("token", "prod/token", &endpoint, Part::Whole),
        with_version(
            aws("before", "prod/token", &endpoint, Part::Whole),
            "AWSPREVIOUS",
        ),
        aws("binary", "prod/binary", &endpoint, Part::Whole),
        aws("gone", "prod/gone", &endpoint, Part::Whole),
        aws("no_key", "prod/database", &endpoint, key("passwrd")),
        aws("no_json", "prod/token", &endpoint, key("a")),
    ];
    let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
    let answers = answers(&requests, &stores(home.path(), &keys)).await;
    let told = |name: &str| {
        let request = requests
            .iter()
            .find(|request| request.name == name)
            .unwrap();
        told(request, &answers)
    };
    let url = "postgresql://app:p%40ss%2Fword%20%26%20more@db.example.org:5432/shop";
    assert_eq!(told("url").as_deref(), Ok(url));
    assert_eq!(told("password").as_deref(), Ok(PASSWORD));
    assert_eq!(told("by_arn").as_deref(), Ok("5432"));
    assert_eq!(told("token").as_deref(), Ok("the second one"));
    assert_eq!(told("before").as_deref(), Ok("the first one"));
    let binary = answers["binary"].as_ref().unwrap();
    assert_eq!(binary.expose().bytes(), [0xff, 0x00, 0xfe]);
    let gone = told("gone").unwrap_err();
    assert!(gone.starts_with("[secret/missing]"), "{gone}");
    assert!(
        gone.contains("ResourceNotFoundException") && gone.contains(REGION),
        "{gone}"
    );
    let no_key = told("no_key").unwrap_err();
    assert!(
        no_key.contains("`password`") && !no_key.contains(PASSWORD),
        "{no_key}"
    );
    let no_json = told("no_json").unwrap_err();
    assert!(!no_json.contains("second one"), "{no_json}");
}

#[tokio::test]
async fn a_signature_is_what_botocore_makes_it() {
    let test = "a_signature_is_what_botocore_makes_it";
    let Some(moto) = Moto::start(test) else {
        return;
    };
    moto.authenticate();
    let home = tempfile::tempdir().unwrap();
    let endpoint = moto.endpoint();
    let token = || aws("token", "prod/token", &endpoint, Part::Whole);
    let (access, secret) = (moto.access_key.as_str(), moto.secret_key.as_str());
    let variables = [
        ("AWS_ACCESS_KEY_ID", access),
        ("AWS_SECRET_ACCESS_KEY", secret),
    ];
    let right = answers(&[token()], &stores(home.path(), &variables)).await;
    assert_eq!(told(&token(), &right).as_deref(), Ok("the second one"));

    // The same keys, from a profile.
    let profile = home.path().join("credentials");
    let text = format!("[shop]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n");
    std::fs::write(&profile, text).unwrap();
    let variables = [
        ("AWS_SHARED_CREDENTIALS_FILE", profile.to_str().unwrap()),
        ("AWS_PROFILE", "shop"),
    ];
    let right = answers(&[token()], &stores(home.path(), &variables)).await;
    assert_eq!(told(&token(), &right).as_deref(), Ok("the second one"));

    let variables = [
        ("AWS_ACCESS_KEY_ID", access),
        ("AWS_SECRET_ACCESS_KEY", "another one"),
    ];
    let wrong = answers(&[token()], &stores(home.path(), &variables)).await;
    let error = told(&token(), &wrong).unwrap_err();
    assert!(error.contains("log in again"), "{error}");
    assert!(
        !error.contains("another one") && !error.contains(secret),
        "{error}"
    );
}

#[tokio::test]
async fn without_a_way_to_aws_it_is_said_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let away = format!("http://{}", free_address());
    let secret = || aws("token", "prod/token", &away, Part::Whole);
    let none = answers(&[secret()], &stores(home.path(), &[])).await;
    let error = told(&secret(), &none).unwrap_err();
    assert!(error.contains("AWS_PROFILE"), "{error}");

    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let sso = "[default]\nsso_session = work\nregion = eu-central-1\n";
    std::fs::write(home.path().join(".aws/config"), sso).unwrap();
    let none = answers(&[secret()], &stores(home.path(), &[])).await;
    let error = told(&secret(), &none).unwrap_err();
    assert!(
        error.contains("`sso_session`") && error.contains("export-credentials"),
        "{error}"
    );

    let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
    let two = [secret(), aws("other", "prod/other", &away, Part::Whole)];
    let gone = answers(&two, &stores(home.path(), &keys)).await;
    for request in &two {
        let error = told(request, &gone).unwrap_err();
        let named = error.contains(&format!("`{}`", request.name)) && error.contains(&away);
        assert!(named, "{error}");
    }
}

/// Where `cargo xtask test --install` puts it.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/moto/bin");
    Some(target.join(name)).filter(|path| path.is_file())
}
