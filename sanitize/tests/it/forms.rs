//! Rules L1, L5, L6, S10 and U9: the forms in which files, command lines, markup, databases and paths have secrets. In each text, `_` is
//! the secret; none has the name or the shape of one.

use go_trace_sanitize::{Dialect, dsn, sql, text, url};

/// A secret that nothing tells but its place.
const SECRET: &str = "pQ7xLm2Wd9";

fn all_leave_none(inputs: &[&str], clean: impl Fn(&str) -> String) {
    for input in inputs {
        let input = input.replace('_', SECRET).replace('§', "_");
        let once = clean(&input);
        assert!(!once.contains(SECRET), "{input:?} became {once:?}");
        assert_eq!(clean(&once), once, "twice: {input:?}");
    }
}

fn leaves_none(inputs: &[&str]) {
    all_leave_none(inputs, |input| text(input).into_owned());
}

fn stay(texts: &[&str]) {
    let changed: Vec<_> =
        texts.iter().map(|plain| (*plain, text(plain))).filter(|(plain, clean)| plain != clean).collect();
    assert!(changed.is_empty(), "{changed:#?}");
}

#[test]
fn l1_values_of_files() {
    leaves_none(&[
        "password: !!str _",
        "password: &anchor _",
        "password: !!binary |\n  _\n",
        "password:   # told to nobody\n  _",
        "passwords:\n- _\n- _\nnext: 1",
        "env:\n- name: DB§PASSWORD\n  value: _",
        "name: DB§PASSWORD\nvalue: \"_\"",
        "password = \"\"\"\n_\n\"\"\"\nuser = 1",
        "password = '''\n_\n'''",
        "password=first\\\n    _\nuser=bob",
        "[auth]\npassword=horse _\n",
        "user: bob\npassword: horse _ staple\n",
        "{\"password\":\n\"_\"}",
        "{\"password\"\n:\n\"_\"}",
        "Password:(string) (len=10) \"_\"",
        "Token: (string) (len=10 cap=16) \"_\",",
        "machine h login bob password _",
        "default login bob password _",
        "machine h password _",
        "login bob account x password _",
        "STEP 3/5: ENV DB§PASSWORD _",
        "Step 3/5 : ENV DB§PASSWORD _",
        "ARG DB§PASSWORD _",
        "requirepass _",
        "masterauth _",
        "ENV DB§PASSWORD _",
        "setenv API§TOKEN _",
        "{\"kty\":\"RSA\",\"n\":\"abc\",\"d\":\"_\"}",
        "{\"k\":\"_\",\"kty\":\"oct\"}",
        "-----BEGIN%20PRIVATE%20KEY-----_",
        "curl -H 'Authorization: token _' https://h.test/",
    ]);
}

#[test]
fn l1_values_of_markup() {
    leaves_none(&[
        "<password><![CDATA[_]]></password>",
        "<password type=\"x\"><![CDATA[a<_]]></password>",
        "<property name=\"password\">_</property>",
        "<entry key='db.password'>_</entry>",
        "<setting name=\"apikey\" serializeAs=\"String\"><value>_</value></setting>",
        "<name>fs.s3a.secret.key</name>\n<value>_</value>",
        "<key>password</key><string>_</string>",
        "&lt;password&gt;_&lt;/password&gt;",
        "&quot;password&quot;:&quot;_&quot;",
        "&#34;password&#34;:&#x22;_&#x22;",
        "password&#61;_",
    ]);
}

#[test]
fn l1_values_behind_escapes_and_colours() {
    leaves_none(&[
        "{\"p\\x61ssword\":\"_\"}",
        "\"password\\u0022:\\u0022_\"",
        "{\"body\":\"\\u003cpassword\\u003e_\\u003c/password\\u003e\"}",
        "\u{1b}[1mpassword\u{1b}[0m=_",
        "\u{1b}[36mpw=\u{1b}[0m_",
        "\\u001b[36mpw=\\u001b[0m_",
        "\\033[36mpw=\\033[0m_",
        "\u{1b}(B\u{1b}[mpw=\u{1b}(B_",
        "\u{1b}\u{1b}[36mpw=\u{1b}\u{1b}[0m_",
        "\u{1b}[36mpassword=\u{1b}[0m\"a b _\"",
        "password: \u{1b}[32m\"a b _\"\u{1b}[0m",
        "auth§token=\u{1b}[0m'a b _'",
        "password=\\u0022a b _\\u0022",
        "password=&quot;a b _&quot;",
        "<a title=\"password=&#34;a b _&#34;\">",
        "{\"msg\":\"password: \\u0027a b _\\u0027\"}",
        "{\"log\":\"\\u001b[36mpassword=\\u001b[0m\\\"a b _\\\"\"}",
    ]);
    let token = "ghp_0123456789abcdef0123456789abcdef0123";
    assert_eq!(text(&format!("\u{1b}[1m{token}\u{1b}[0m")), "\u{1b}[1mREDACTED\u{1b}[0m");
    for plain in ["\u{1b}[31mdisk full\u{1b}[0m", "a &lt;b&gt; c &amp; d", "\\u0061 and \\x62", "5 &#60; 6"] {
        assert_eq!(text(plain), plain);
    }
}

#[test]
fn l1_escaped_signs_within_a_value_do_not_end_it() {
    leaves_none(&[
        "{\"password\":\"p\\u0022, _\"}",
        "{\"password\":\"p\\x22 _\"}",
        "password='a\\x27 _'",
        "password=\"a&quot; _\"",
        "<password>a&lt;_</password><token>x</token>",
        "<password>a&lt;_</password><token>x</token> pw=x",
    ]);
}

#[test]
fn l1_escapes_stay_beside_a_secret() {
    for (input, clean) in [
        (
            "{\"msg\":\"say \\u0022hi\\u0022 \\u003cb\\u003e\",\"password\":\"x\"}",
            "{\"msg\":\"say \\u0022hi\\u0022 \\u003cb\\u003e\",\"password\":\"REDACTED\"}",
        ),
        ("<a t=\"x &lt; y &amp; z\" password=\"z\"/>", "<a t=\"x &lt; y &amp; z\" password=\"REDACTED\"/>"),
        (
            "\u{1b}[31mERROR\u{1b}[0m login token=abc \u{1b}[32mok\u{1b}[0m",
            "\u{1b}[31mERROR\u{1b}[0m login token=REDACTED \u{1b}[32mok\u{1b}[0m",
        ),
        ("path C:\\x64ata\\x token=abc", "path C:\\x64ata\\x token=REDACTED"),
        (
            "&quot;a&quot;:&quot;&lt;&quot;,&quot;password&quot;:&quot;x&quot;,&quot;b&quot;:&quot;&gt;&quot;",
            "&quot;a&quot;:&quot;&lt;&quot;,&quot;password&quot;:&quot;REDACTED&quot;,&quot;b&quot;:&quot;&gt;&quot;",
        ),
        (
            "\u{1b}[36mpw=\u{1b}[0mx \u{1b}[36muser=\u{1b}[0mbob",
            "\u{1b}[36mpw=\u{1b}[0mREDACTED \u{1b}[36muser=\u{1b}[0mbob",
        ),
        ("\u{1b}[36mpassword=\u{1b}[0m\"a b\"", "\u{1b}[36mpassword=\u{1b}[0m\"REDACTED\""),
        ("password=\u{1b}[0mabc user=bob", "password=\u{1b}[0mREDACTED user=bob"),
    ] {
        assert_eq!(text(input), clean);
    }
}

#[test]
fn l1_passwords_of_command_lines() {
    leaves_none(&[
        "mysql -u root -p_ shop",
        "mysql -uroot -psecret_ shop",
        "redis-cli -atoken_ ping",
        "7z x -pMySecret_ a.7z",
        "exec: [\"mysql\", \"-p_\"]",
        "sshpass -p _ ssh h",
        "redis-cli -h h -a _ ping",
        "curl -ubob:_ https://h.test/",
        "curl -su bob:_ https://h.test/",
        "http -a bob:_ h.test",
        "docker login -u bob -p _",
        "mongosh -u bob -p _",
        "ldapsearch -D cn=x -w _",
        "docker exec db mysql -p_ db",
        "sqlcmd -S h -U bob -P _",
        "smbclient -U bob%_ //h/share",
        "sqlplus scott/_",
        "expdp system/_ directory=x",
        "connect scott/_",
        "connect sys/_ as sysdba",
        "exp scott/_ file=x",
        "imp system/_ fromuser=a",
    ]);
    let plain = [
        "ssh -p 2222 host",
        "mkdir -p /var/lib/app",
        "docker run -p 8080:80 nginx",
        "go test -p 4 ./...",
        "mysql -u root -p shop",
        "curl -su bob https://h.test/",
        "connect to db/1 failed",
        "kubectl -n prod get pods -l app=web",
    ];
    for plain in plain {
        assert_eq!(text(plain), plain);
    }
}

#[test]
fn l3_more_names_of_secrets() {
    leaves_none(&[
        "Passwort=_",
        "kennwort: _",
        "contraseña=_",
        "mot§de§passe=_",
        "пароль=_",
        "密码: _",
        "db§pw=_",
        "bindpw=_",
        "cred=_",
        "code§verifier=_",
        "verification§code=_",
        "file:x.db?§key=_",
        "wrong password '_' for bob",
        "invalid token \"_\"",
    ]);
    for plain in
        ["secret \"db-creds\" not found", "secretary: bob", "unexpected token '}'", "status_code=200"]
    {
        assert_eq!(text(plain), plain);
    }
}

#[test]
fn l6_values_in_the_errors_of_more_databases() {
    leaves_none(&[
        "Key (\"userEmail\")=(_) already exists.",
        "Key (tenant, \"userEmail\")=(1, _) already exists.",
        "Key (lower((email)::text))=(_) already exists.",
        "{\"detail\":\"Key (\\\"userEmail\\\")=(_) already exists.\"}",
        "duplicate key value (email)=('_') violates unique constraint \"u\"",
        "Duplicate key values: 'mail=_' -- violates constraint 'shop.c'",
        "Problematic key value is (\"MAIL\" = '_')",
        "UNIQUE violation on index m, duplicate key: at index key [_,17]. It conflicts with row [18]",
        "index key [a,17]. It conflicts with row [_] in table t",
        "String '_' is too long and would be truncated",
        "strconv.Atoi: parsing \"_\": invalid syntax",
        "{\"error\":\"strconv.ParseInt: parsing \\\"_\\\": value out of range\"}",
        "parsing time \"_\" as \"2006-01-02\": cannot parse \"_\" as \"2006\"",
        "parsing time \"_\": month out of range",
        "time: invalid duration \"_\"",
        "time: missing unit in duration \"_\"",
        "time: unknown unit \"x\" in duration \"_\"",
        "parsing time \"2026-01-31_\": extra text: \"_\"",
        "{\"error\":\"parsing time \\\"_\\\" as \\\"15:04\\\": cannot parse \\\"_\\\" as \\\"15\\\"\"}",
        "sql: Scan error on column index 0, name \"a\": converting driver.Value type []uint8 (\"_\") to a int: invalid syntax",
        "DETAIL:  parameters: $1 = '_', $2 = 'b'",
        "CONTEXT:  COPY t, line 1, column a: \"_\"",
        "CONTEXT:  COPY t, line 1: \"_\"",
        "Row [_] in table users already exists",
        "Numeric value '_' is not recognized",
        "Cannot cast '_' to bigint",
        "The value '_' of the type \"STRING\" cannot be cast to \"INT\"",
        "Could not convert string '_' to INT32",
        "Duplicate key \"email: _\" violates primary key constraint",
        "could not parse \"_\" as type int",
        "Preview of field's value: '_'",
        "already exists with label `A` and property `email` = '_'",
        "row with column values (A:'_') already exists",
        "unable to convert string value containing '_' to a number",
        "Unable to coerce '_' to a formatted date",
        "Invalid STRING constant (_) for \"a\" of type int",
        "Failed to parse number '_' in $convert with no onError value",
        "ERR unknown command 'AUTHX', with args beginning with: '_' ",
        "mssql: Incorrect syntax near '_'.",
    ]);
    for plain in ["column a: text", "row [1] updated", "parse error", "date 'x'", "the field's value is 5"] {
        assert_eq!(text(plain), plain);
    }
}

#[test]
fn u9_tokens_behind_names_in_paths() {
    let paths = [
        "/reset-password/_",
        "/verify/email/_",
        "/token/_",
        "/users/bob/password/_",
        "/hooks/catch/1/_/",
        "/invite/0b8e6b0c-6b0f-4c5e-9b7a-3f0f5c9c1d2e_",
    ];
    for path in paths {
        let path = path.replace('_', SECRET);
        for (input, clean) in [
            (format!("https://h.test{path}"), url(&format!("https://h.test{path}")).into_owned()),
            (path.clone(), url(&path).into_owned()),
            (format!("GET {path} 404"), text(&format!("GET {path} 404")).into_owned()),
            (format!("https://h.test{path}: 404"), text(&format!("https://h.test{path}: 404")).into_owned()),
        ] {
            assert!(!clean.contains(SECRET), "{input} became {clean}");
        }
    }
    let plain = [
        "/oauth/token",
        "/users/password/reset",
        "/api/token/refresh",
        "/sessions/42",
        "/api/v1/namespaces/default/secrets/my-app-config",
        "/reset/42",
        "/v1/users/0b8e6b0c-6b0f-4c5e-9b7a-3f0f5c9c1d2e/orders",
    ];
    for plain in plain {
        assert_eq!(url(plain), plain);
        assert_eq!(text(&format!("GET {plain} 200")), format!("GET {plain} 200"));
    }
}

#[test]
fn u9_addresses_that_are_secrets() {
    let addresses = [
        "https://discord.com/api/v10/webhooks/123/_",
        "https://ptb.discord.com/api/v9/webhooks/1/_",
        "https://open.feishu.cn/open-apis/bot/v2/hook/_",
        "https://maker.ifttt.com/use/_",
        "https://hook.eu1.make.com/_",
        "https://hc-ping.com/_",
        "https://alert.victorops.com/integrations/generic/1/alert/_/x",
        "https://endpoint1.collection.sumologic.com/receiver/v1/http/_",
        "https://calendar.google.com/calendar/ical/bob/private-_/basic.ics",
        "https://mainnet.infura.io/v3/_",
    ];
    all_leave_none(&addresses, |input| url(input).into_owned());
    leaves_none(&addresses);
    assert_eq!(url("https://discord.com/api/v10/channels/1"), "https://discord.com/api/v10/channels/1");
    assert_eq!(dsn("ghp_0123456789abcdef0123456789abcdef0123"), "REDACTED");
}

#[test]
fn s10_secrets_of_more_statements() {
    let statements = [
        "OPEN MASTER KEY DECRYPTION BY PASSWORD = _",
        "OPEN SYMMETRIC KEY k DECRYPTION BY PASSWORD = _",
        "CHANGE MASTER TO MASTER§PASSWORD=_",
        "START REPLICA PASSWORD=_",
        "ATTACH 'x' AS y (ENCRYPTION§KEY _)",
        "SET @@global.x = _",
        "SET @x := _",
        "SET hivevar:x=_",
        "ALTER SYSTEM SET x = _",
        "ALTER DATABASE d SET app.flag TO _",
        "ALTER ROLE r SET app.flag = _",
        "CREATE STAGE s ENCRYPTION = (MASTER§KEY = _)",
        "CREATE SECURITY INTEGRATION i OAUTH§CLIENT§SECRET = _",
        "UNLOAD ('select 1') TO 's3://b' SECRET§ACCESS§KEY _",
        "COPY t FROM 's3://b' ACCESS§KEY§ID _",
        "CREATE USER u IDENTIFIED WITH x AS _",
        "ALTER USER u IDENTIFIED VIA x USING _",
        "SET k _",
        "SETEX k 5 _",
        "HSET k f _",
        "LPUSH k _",
        "PUBLISH c _",
        "EVAL 'return 1' 0 _",
    ];
    for dialect in Dialect::ALL {
        all_leave_none(&statements, |input| sql(input, dialect).into_owned());
    }
    for dialect in [Dialect::Generic, Dialect::MsSql] {
        let procedures = [
            "sp§addlogin bob, _",
            "sp§setapprole @rolename=r, @password=_",
            "EXEC master..sp§password @old = _, @new = x",
            "EXEC master.dbo.sp§password @old = x, @new = _",
            "EXEC @result = a.b.sp§x @p = _",
            "EXEC a . b @p = _",
            "EXEC dbo.x _",
        ];
        all_leave_none(&procedures, |input| sql(input, dialect).into_owned());
    }
}

#[test]
fn s10_names_stay_where_nothing_is_secret() {
    let plain = [
        "SET NAMES utf8",
        "SET NOCOUNT ON",
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "SET ROLE admin",
        "SET search_path TO app",
        "UPDATE t SET password = excluded.password",
        "INSERT INTO t SELECT password FROM u",
        "SELECT token = other FROM t",
        "MERGE INTO t USING s ON t.token = s.token WHEN MATCHED THEN UPDATE SET token = s.token",
        "ALTER TABLE t ADD token text",
    ];
    for plain in plain {
        assert_eq!(sql(plain, Dialect::Generic), plain);
    }
}

#[test]
fn l5_more_statements_in_texts() {
    leaves_none(&[
        "SET PASSWORD FOR u = _",
        "query failed: SET PASSWORD _",
        "query failed: SET LOCAL app.user TO _",
        "query failed: SET x = _",
        "query failed: ATTACH 'x' AS y KEY '_'",
        "query failed: CONNECT TO d USER u USING _",
        "query failed: ALTER SYSTEM SET x = _",
        "query failed: ALTER DATABASE d SET app.user TO _",
        "query failed: exec sp§addlinkedsrvlogin s, false, NULL, u, _",
        "query failed: SELECT N'_', 1",
        "query failed: SELECT E'_' FROM t",
        "query failed: select x'5a71', name FROM t WHERE y = '_'",
        "query failed: SELECT DATE '2026-01-31', '_'",
        "query failed: SELECT §utf8mb4'_'",
        "query failed: SELECT U&'_'",
        "CREATE DICTIONARY d SOURCE(MYSQL(USER u PASSWORD _))",
        "AUTH _",
        "AUTH bob _",
        "HELLO 3 AUTH bob _",
        "ACL SETUSER bob on >_",
        "CONFIG SET requirepass _",
        "SENTINEL SET m auth-pass _",
        "SETEX k 5 _",
        "HSET k f _",
    ]);
    let plain = [
        "AUTH failed for user bob",
        "auth required",
        "hello 3 times",
        "connect to db failed",
        "please select Bob's favourite",
        "select date and time",
        "attach volume vol-1 to node",
        "config set by user",
        "set x to 5",
        "SENTINEL is down",
    ];
    for plain in plain {
        assert_eq!(text(plain), plain);
    }
}

#[test]
fn l1_passwords_of_small_letters_or_digits_behind_flags() {
    for (input, clean) in [
        ("sshpass -pswordfish ssh host", "sshpass -pREDACTED ssh host"),
        ("mongosh -u bob -pswordfish", "mongosh -u bob -pREDACTED"),
        ("ldapsearch -wswordfish", "ldapsearch -wREDACTED"),
        ("mysql -pidontknow", "mysql -pREDACTED"),
        ("mysql -portland", "mysql -pREDACTED"),
        ("docker exec db mysql -p123456 db", "docker exec db mysql -pREDACTED db"),
        ("http -a bob:123456 h.test", "http -a bob:REDACTED h.test"),
    ] {
        assert_eq!(text(input), clean);
    }
}

#[test]
fn l1_ordinary_lines_with_names_of_programs_stay() {
    stay(&[
        "Error: ENV DB_PASSWORD is missing",
        "main: ARG API_TOKEN not set",
        "mongo -http localhost",
        "mysql -port 3306",
        "curl -u 1000:1000",
        "waiting for mysql, flags: -parallel=4",
        "exec /app/mongo -parallel 8",
        "usage: login -profile NAME",
        "mongo -path /data/db",
        "redis-cli -args",
        "mysqldump -print-defaults",
        "mkdir /var/lib/mysql -parents",
        "docker run --name mysql -p3306:3306 -e X=1",
        "podman run mysql -p3306:3306",
        "nc mongo -p 27017",
        "login page -p not found",
        "starting http -addr=localhost:8080",
        "https -a foo:8080",
        "cp /etc/mysql -preserve",
        "conn 7/10 is busy",
        "connect eth0/1",
        "connect tcp/443",
        "connect foo/bar failed",
        "conn eth0/1 down",
        "CONNECT user/42",
        "passwall: on",
        "PassWindow=5",
        "psw=0x1f",
        "{\"kty\":\"RSA\",\"n\":\"x\"} k=5 p=99",
    ]);
    leaves_none(&[
        "mysql -p'a b_' db",
        "mysql.exe -u root -p_",
        "cmd=mysql -p_",
        "sudo mysql -p1234567_",
        "curl -fsSLu bob:_ https://h.test/",
        "mysql -pswordfish_",
        "connect scott/_@db",
        "{\\\"kty\\\":\\\"RSA\\\",\\\"d\\\":\\\"_\\\"}",
    ]);
}

#[test]
fn u9_names_of_files_packages_and_pages_stay() {
    stay(&[
        "POST /auth/OAuth2Callback",
        "/oauth/OpenId2Connect",
        "/auth/login/SAML2Provider",
        "/auth/realms/MyRealm01/protocol",
        "/v1/auth/AppRole2Name/login",
        "/api/tokens/ERC20Contract",
        "/webhooks/GitHubPushEvent2",
        "/hooks/useEffect2Hook/docs",
        "/verify/Step2Page",
        "/code/Level2Cache",
        "/confirm/order-2024-Q3-Report",
        "projects/p/secrets/MySecret1/versions/latest",
        "/etc/secrets/tls-Cert1File",
        "secret/data/MyService2Prod",
        "github.com/acme/session/Redis7Store",
        "k8s.io/kubernetes/pkg/credentialprovider/secrets/V1Beta1Secret",
        "github.com/foo/password/hashSha256Sum",
    ]);
    leaves_none(&[
        "GET /hooks/_!",
        "[GET /hooks/_]",
        "GET /hooks/_%20a",
        "GET /hooks/_&x=1",
        "GET /hooks/_:8080",
    ]);
    // A token of 16 characters that has words in it.
    assert_eq!(text("GET /hooks/abcDEFgh1ijk2LMn 404"), "GET /hooks/REDACTED 404");
    assert_eq!(text("GET /invite/0b8e6b0c-6b0f-4c5e-9b7a-3f0f5c9c1d2e 404"), "GET /invite/REDACTED 404");
}

#[test]
fn l6_sentences_with_the_words_of_databases_stay() {
    stay(&[
        "cannot parse \"abc\" as int",
        "parse \"12:00\" as time",
        "parsing \"go.mod\": unexpected end of file",
        "missing key [a] in map",
        "this conflicts with row locks",
        "extra text at the end",
        "could not parse \"5m0\" as duration",
        "error at line 3, column 5: \"}\" expected",
        "config.yaml: line 3 column 7: \"foo\"",
        "column name: \"x\" missing",
        "property color = 'red'",
        "changed value 'red' to 'blue'",
        "renamed string 'a' to 'b'",
        "row [3] in table users not found",
        "Incorrect syntax near 'FROM'",
        "lines beginning with: # are skipped; see docs",
        "parameters: $1 and $2",
        "diff before: 'a' after: 'b' more",
        "parameters: $1 is unset, see the manual, it's there",
    ]);
    leaves_none(&["DETAIL:  parameters: $1 = NULL, $2 = '_'"]);
}

#[test]
fn l5_sentences_with_the_commands_of_redis_stay() {
    stay(&[
        "HSET is slow\nnext line",
        "MSET took 5ms",
        "LPUSH failed: connection refused",
        "SETNX lock acquired",
        "XADD stream full",
        "SADD 12 items to the set",
        "SETEX command failed",
        "AUTH FAILED",
        "AUTH OK",
        "AUTH Required",
        "Auth 401",
        "auth v2",
        "CONFIG SET by admin",
        "MIGRATE 5 tables done",
    ]);
    let line = "HSET k f _\nnext line 5".replace('_', SECRET);
    assert_eq!(text(&line), "HSET k ?\nnext line 5");
    let line = "2024 INFO CONFIG SET requirepass x";
    assert_eq!(text(line), "2024 INFO CONFIG SET requirepass REDACTED");
}

#[test]
fn l1_names_in_quotes_beside_what_is_said_of_them_stay() {
    stay(&[
        "unexpected token 'functionName2' in JSON",
        "unexpected token \"const2variable\"",
        "session 'abc' not found",
        "credential 'github' not found",
        "signature 'foo(int)' mismatch",
        "authorization 'x' failed",
        "secret \"dbcreds\" not found",
        "secret \"default/db-creds\" not found",
        "secret \"db-creds-v2\" not found",
        "secret \"tls-cert-2024\" not found",
    ]);
    leaves_none(&["password '_' failed", "token '_' not found"]);
}

#[test]
fn s10_settings_and_procedures_of_sql_stay() {
    let plain = [
        "SET SESSION AUTHORIZATION bob",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SET CONNECTION c1",
        "SET RESULT CACHE on",
        "SET FILTER x",
        "SET DESCRIPTOR d",
        "ALTER DATABASE d SET RECOVERY SIMPLE",
        "LOCK TABLE session_token IN SHARE MODE",
    ];
    for plain in plain {
        assert_eq!(sql(plain, Dialect::Generic), plain);
    }
    for plain in ["sp_helptext foo", "sp_rename a, b", "sp_who2 active"] {
        assert_eq!(sql(plain, Dialect::MsSql), plain);
    }
}

/// `pass` ends as plurals do, and is none: a number that it has is a password, not a count.
#[test]
fn l1_passwords_of_digits() {
    for key in ["pass", "db_pass", "user_pass", "DB_PASS", "\"pass\"", "password", "passwd", "pin_pass"] {
        for value in ["12345678", "471199", "42"] {
            for sign in [": ", "="] {
                let input = format!("{key}{sign}{value}");
                assert!(!text(&input).contains(value), "{input} became {}", text(&input));
            }
        }
    }
    stay(&["total_tokens=512", "sessions: 42", "cookies=7"]);
}

/// A token is one wherever it stands: before the password of a user, too.
#[test]
fn l2_tokens_before_passwords() {
    let token = "ghp_s3cr3tQxs3cr3tQxs3cr3tQxs3cr3tQxAb12";
    for input in [
        "curl -u @:x-oauth-basic https://h.test/",
        "curl -u \"bob @:pw99\" https://h.test/",
        "1h -u \"e @ u:ime=true&x \"e",
    ] {
        let input = input.replace('@', token);
        let once = text(&input);
        assert!(!once.contains("s3cr3tQx") && !once.contains("pw99"), "{input} became {once}");
        assert_eq!(text(&once), once);
    }
}
