//! Words that make no password: lists, and nothing else.

/// What everybody tries, compared without case; digits and signs at the end do not help.
const COMMON: &str = "\
    abc abcd abcdef access admin adminadmin administrator adminpass adminpassword app \
    apppassword bar bitnami cassandra change-me change_me changeit changeme changethis couchbase \
    database db dbpass dbpassword dbuser deepecho default demo dev development devpassword \
    docker dragon elastic example examplepass foo foobar football grafana guest hello hunter \
    iloveyou letmein local login manager master minio minioadmin mongo mongodb monkey mypass \
    mypassword mysecret mysecretpassword mysql neo4j none nopass null oracle p@ssw0rd p@ssword \
    pa55word pass passme passw0rd passwd password pgpassword postgres postgrespassword \
    postgresql princess prometheus public qdrant rabbit rabbitmq redis redispassword replaceme \
    root rootpassword rootroot s3cr3t s3cret sa sample secret secretkey secretpassword sentry \
    shadow staging sunshine super superman superpassword supersecret supersecretpassword \
    superset system temp temppassword test tester testing testpass testpassword toor trustno \
    ubuntu user username userpassword vagrant welcome whisper whisperengine xxx zabbix";

/// Parts that say that somebody still has to write the value.
const PLACEHOLDERS: &str = "\
    changeme change-me change_me change-this change_this changethis replace-me replace_me \
    replaceme placeholder insert-your insert_your your-secret your_secret your-api your_api \
    your-token your_token your-key your_key your-password your_password your_postgres \
    your_github yoursecret yourpassword xxxxxx dummy not-so-secret insecure in-production";

/// Rows of a keyboard; they are walked in both directions.
pub(super) const ROWS: [&str; 8] = [
    "`1234567890-=",
    "qwertyuiop[]",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn",
];

pub(super) fn is_common(word: &str) -> bool {
    COMMON.split(' ').any(|common| common == word)
}

pub(super) fn has_placeholder(text: &str) -> bool {
    PLACEHOLDERS.split(' ').any(|part| text.contains(part))
}
