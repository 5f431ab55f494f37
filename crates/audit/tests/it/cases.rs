//! One case for each rule about Dockerfiles: a file that breaks it, and the same file mended.

/// `bad` breaks the rule, `good` does not.
pub(crate) struct Case {
    pub(crate) rule: &'static str,
    pub(crate) bad: &'static str,
    pub(crate) good: &'static str,
}

const fn case(rule: &'static str, bad: &'static str, good: &'static str) -> Case {
    Case { rule, bad, good }
}

pub(crate) const CASES: &[Case] = &[
    case(
        "dockerfile/syntax",
        "FROM debian:12\nRUM make\n",
        "FROM debian:12\nRUN make\n",
    ),
    case(
        "dockerfile/root-user",
        "FROM debian:12\nUSER app\nUSER root:root\n",
        "FROM debian:12\nARG UID=10001\nUSER $UID\n",
    ),
    case(
        "dockerfile/base-not-pinned",
        "ARG BASE=debian\nFROM $BASE AS a\nFROM debian:latest\nCOPY --from=nginx:latest /a /a\n",
        "FROM debian:12\nFROM reg:5000/app@sha256:ab\n",
    ),
    case(
        "dockerfile/base-no-digest",
        "FROM debian:12-slim\n",
        "FROM debian:12-slim@sha256:ab\n",
    ),
    case(
        "dockerfile/base-large",
        "FROM python:3.12\n",
        "FROM python:3.12 AS build\nFROM python:3.12-slim\nCOPY --from=build /a /a\n",
    ),
    case(
        "dockerfile/base-platform",
        "FROM --platform=linux/amd64 debian:12\n",
        "FROM --platform=$BUILDPLATFORM debian:12 AS build\nFROM debian:12\n",
    ),
    case(
        "dockerfile/stage-twice",
        "FROM debian:12 AS a\nFROM debian:12 AS A\n",
        "FROM debian:12 AS a\nFROM debian:12 AS b\n",
    ),
    case(
        "dockerfile/unknown-stage",
        "FROM debian:12 AS a\nCOPY --from=b /x /x\nCOPY --from=a /x /x\nCOPY --from=3 /x /x\nFROM debian:12 AS b\n",
        "FROM debian:12 AS a\nFROM debian:12\nCOPY --from=a /x /x\nCOPY --from=0 /x /x\nCOPY --from=busybox:1.36 /x /x\n",
    ),
    case(
        "dockerfile/secret-in-env",
        "FROM debian:12\nARG TOKEN\nENV DB_PASSWORD=hunter2 API_TOKEN=$TOKEN\nENV URL=postgres://a:hunter2@db/x\n",
        "FROM debian:12\nENV DB_PASSWORD=\"\" PASSWORD_FILE=/run/secrets/db URL=postgres://db/x\n",
    ),
    case(
        "dockerfile/secret-in-arg",
        "FROM debian:12\nARG NPM_TOKEN\nARG URL=https://u:hunter2@x/\n",
        "FROM debian:12\nARG VERSION=1\nRUN --mount=type=secret,id=npm npm ci\n",
    ),
    case(
        "dockerfile/secret-in-run",
        "FROM debian:12\nRUN curl -o x https://u:hunter2@host/x && \\\n    export API_KEY=hunter2\n",
        "FROM debian:12\nRUN curl -o x https://$USER:$PASS@host/x && export API_KEY=$(cat /run/secrets/k)\n",
    ),
    case(
        "dockerfile/secret-copied",
        "FROM debian:12\nCOPY .env id_rsa /app/\n",
        "FROM debian:12 AS a\nFROM debian:12\nCOPY .env.example /app/\nCOPY --from=a /x.pem /x.pem\n",
    ),
    case(
        "dockerfile/sudo",
        "FROM debian:12\nRUN sudo -E make install\nRUN apt-get install -y sudo\n",
        "FROM debian:12\nRUN make install\n",
    ),
    case(
        "dockerfile/ssh-server",
        "FROM debian:12\nRUN apt-get install -y openssh-server=1:9\nEXPOSE 22/tcp\n",
        "FROM debian:12\nRUN apt-get install -y openssh-client\nEXPOSE 8022\n",
    ),
    case(
        "dockerfile/world-writable",
        "FROM debian:12\nRUN chmod -R 777 /app && chmod a+rwx /b\nCOPY --chmod=666 a /a\n",
        "FROM debian:12\nRUN chmod 755 /app && chmod u+w,o-w /b && chmod 1777 /tmp\nCOPY --chmod=644 a /a\n",
    ),
    case(
        "dockerfile/setuid",
        "FROM debian:12\nRUN chmod 4755 /a; chmod u+s /b\n",
        "FROM debian:12\nRUN chmod 0755 /a; chmod a-s /b\n",
    ),
    case(
        "dockerfile/pipe-to-shell",
        "FROM debian:12\nRUN curl -sSf https://x/y | sudo bash -s -- -y\nRUN bash -c \"$(curl -fsSL https://x)\"\n",
        "FROM debian:12\nRUN curl -o y https://x/y && sha256sum -c y.sum && sh y\n",
    ),
    case(
        "dockerfile/tls-off",
        "FROM debian:12\nENV NODE_TLS_REJECT_UNAUTHORIZED=0\nRUN curl -sk https://x > a && git config --global http.sslVerify false\nRUN pip install --trusted-host=x a==1\n",
        "FROM debian:12\nRUN curl --cacert k https://x > a\n",
    ),
    case(
        "dockerfile/add-url",
        "FROM debian:12\nADD https://x/y.tar.gz /y/\n",
        "FROM debian:12\nADD --checksum=sha256:ab https://x/y.tar.gz /y/\n",
    ),
    case(
        "dockerfile/add-for-copy",
        "FROM debian:12\nADD app.py /app/\n",
        "FROM debian:12\nADD app.tar.xz /app/\nCOPY app.py /app/\n",
    ),
    case(
        "dockerfile/copy-all",
        "FROM debian:12\nWORKDIR /app\nCOPY . .\n",
        "FROM debian:12\nWORKDIR /app\nCOPY src src\n",
    ),
    case(
        "dockerfile/copy-destination",
        "FROM debian:12\nCOPY a b /app\n",
        "FROM debian:12\nCOPY a b /app/\nCOPY c /d\n",
    ),
    case(
        "dockerfile/copy-relative",
        "FROM debian:12\nCOPY a app/\n",
        "FROM debian:12\nWORKDIR /srv\nCOPY a app/\n",
    ),
    case(
        "dockerfile/apt-upgrade",
        "FROM debian:12\nRUN apt-get update && apt-get -y upgrade\nRUN yum update -y\n",
        "FROM debian:12\nRUN apt-get update && apt-get install -y upgrade-tool\nRUN yum update -y openssl\n",
    ),
    case(
        "dockerfile/apt-recommends",
        "FROM debian:12\nRUN apt-get install -y curl\n",
        "FROM debian:12\nRUN apt-get install -y --no-install-recommends curl\n",
    ),
    case(
        "dockerfile/apt-lists",
        "FROM debian:12\nRUN apt-get update && apt-get install -y curl\n",
        "FROM debian:12 AS build\nRUN apt-get update && apt-get install -y gcc\nFROM debian:12\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\nRUN --mount=type=cache,target=/var/lib/apt apt-get update && apt-get install -y x\n",
    ),
    case(
        "dockerfile/apt-no-yes",
        "FROM debian:12\nRUN apt-get install curl\nRUN dnf install curl\n",
        "FROM debian:12\nRUN apt-get -qy install curl\nRUN dnf -y install curl\n",
    ),
    case(
        "dockerfile/apt-update-alone",
        "FROM debian:12\nRUN apt-get update\nRUN apt-get install -y curl\n",
        "FROM debian:12\nRUN apt-get update && apt-get install -y curl\n",
    ),
    case(
        "dockerfile/apt-for-people",
        "FROM debian:12\nRUN apt install -y curl\n",
        "FROM debian:12\nRUN apt-get install -y curl\n",
    ),
    case(
        "dockerfile/package-cache",
        "FROM alpine:3.20\nRUN apk add curl\nRUN pip install -r requirements.txt\nRUN dnf install -y x\n",
        "FROM alpine:3.20\nRUN apk add --no-cache curl\nRUN --mount=type=cache,target=/root pip install -r requirements.txt\nRUN dnf install -y x && dnf clean all\n",
    ),
    case(
        "dockerfile/pip-not-pinned",
        "FROM python:3-slim\nRUN python3 -m pip install --no-cache-dir -i https://x flask\n",
        "FROM python:3-slim\nRUN pip install --no-cache-dir -r requirements.txt flask==3.0 . && pip install --upgrade pip\n",
    ),
    case(
        "dockerfile/npm-install",
        "FROM node:22-slim\nRUN npm install\n",
        "FROM node:22-slim\nRUN npm ci && npm install -g corepack\n",
    ),
    case(
        "dockerfile/compiler-in-image",
        "FROM golang:1.23 AS base\nFROM base\nRUN apt-get install -y g++\n",
        "FROM golang:1.23 AS build\nRUN apt-get install -y g++\nFROM alpine:3.20\nRUN apk add -t .deps gcc && make && apk del .deps\nCOPY --from=build /a /a\n",
    ),
    case(
        "dockerfile/healthcheck-missing",
        "FROM debian:12\nHEALTHCHECK NONE\n",
        "FROM debian:12\nHEALTHCHECK CMD [\"/app\", \"health\"]\n",
    ),
    case(
        "dockerfile/healthcheck-tool",
        "FROM debian:12\nHEALTHCHECK --interval=5s CMD \\\n  curl -f http://localhost/health || exit 1\n",
        "FROM debian:12\nHEALTHCHECK CMD /app health\n",
    ),
    case(
        "dockerfile/shell-form",
        "FROM debian:12\nENTRYPOINT /app --serve\nCMD --port 80\n",
        "FROM debian:12\nENTRYPOINT exec /app --serve\nCMD [\"--port\", \"80\"]\n",
    ),
    case(
        "dockerfile/only-last-counts",
        "FROM debian:12\nCMD [\"a\"]\nCMD [\"b\"]\n",
        "FROM debian:12 AS a\nCMD [\"a\"]\nFROM a\nCMD [\"b\"]\n",
    ),
    case(
        "dockerfile/port",
        "FROM debian:12\nEXPOSE 80 65536 0 http 9-10-11\n",
        "FROM debian:12\nEXPOSE 80/tcp 8000-8010/udp\n",
    ),
    case(
        "dockerfile/workdir-relative",
        "FROM debian:12\nWORKDIR app\n",
        "FROM debian:12\nENV HOME=/app\nWORKDIR $HOME/x\n",
    ),
    case(
        "dockerfile/cd",
        "FROM debian:12\nRUN cd /app\n",
        "FROM debian:12\nRUN cd /app && make\n",
    ),
    case(
        "dockerfile/pipefail",
        "FROM debian:12\nRUN zcat a.gz | tar -x\n",
        "FROM debian:12\nRUN set -o pipefail; zcat a.gz | tar -x\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN zcat a.gz | tar -x\nRUN a || b\n",
    ),
    case(
        "dockerfile/maintainer",
        "FROM debian:12\nMAINTAINER me\n",
        "FROM debian:12\nLABEL org.opencontainers.image.authors=me\n",
    ),
    case(
        "dockerfile/waiver",
        "FROM debian:12\n# mainstay: allow dockerfile/sudo\nRUN sudo a\n# mainstay: allow dockerfile/sodo why\nRUN b\n# mainstay: allow dockerfile/port it is one\nEXPOSE 80\n# mainstay: allow\nRUN c\n",
        "FROM debian:12\n# mainstay: allow dockerfile/sudo the base image asks for it\nRUN a && \\\n    sudo b\n",
    ),
];
