import JSON
import Testing

@testable import Client

@Suite struct TemplateTests {
    static let value: JSON = [
        "Name": "/web", "N": 3, "Off": false, "Empty": "", "State": ["Status": "running", "Pid": 7],
        "Env": ["A=1", "B=2"], "Labels": ["b": "2", "a": "1"],
        "Ports": ["80/tcp": [["HostPort": "8080"]], "81/tcp": nil],
    ]

    @Test(arguments: [
        ("plain", "plain"), ("{{.Name}} {{.State.Status}}", "/web running"), ("{{json .Env}}", #"["A=1","B=2"]"#),
        ("{{range .Env}}[{{.}}]{{end}}", "[A=1][B=2]"), ("{{range $i, $e := .Env}}{{$i}}{{$e}};{{end}}", "0A=1;1B=2;"),
        ("{{range $k, $v := .Labels}}{{$k}}={{$v}} {{end}}", "a=1 b=2 "), ("{{join .Env \",\"}}", "A=1,B=2"),
        ("{{index .Labels \"b\"}}{{index .Env 1}}", "2B=2"), ("{{if .Off}}y{{else}}n{{end}}", "n"),
        ("{{if .Empty}}1{{else if eq .N 3}}2{{else}}3{{end}}", "2"), ("{{with .State}}{{.Pid}}{{end}}", "7"),
        ("{{with .Missing}}x{{else}}none{{end}}", "none"), ("{{(index (index .Ports \"80/tcp\") 0).HostPort}}", "8080"),
        ("{{.State.Status | upper | printf \"<%8s>\"}}", "< RUNNING>"), ("a {{- /**/ \"x\" -}} b", nil as String?),
        ("a\n{{- \" b\"}}", "a b"), ("{{$x := .N}}{{$x}}{{$.Name}}", "3/web"), ("{{len .Env}} {{not .Off}}", "2 true"),
        ("{{.Missing}}", "<no value>"), ("{{.Labels}} {{.Env}}", "map[a:1 b:2] [A=1 B=2]"),
        ("{{and .N .Empty}}|{{or .Empty .N}}", "|3"),
        ("{{`{{`}}{{\"\\t\"}}", "{{\t"), ("{{range .Missing}}x{{else}}empty{{end}}", "empty"),
        ("{{index .Env 9}}", nil),
        ("{{", nil), ("{{.Name", nil), ("{{if .N}}", nil), ("{{end}}", nil), ("{{nosuch .N}}", nil),
        ("{{.Name.X}}", nil), ("{{.N 1}}", nil),
        ("{{range .N}}{{end}}", nil), ("{{$y}}", nil), ("{{(.N}}", nil), ("{{\"a}}", nil),
    ])
    func isText(_ template: String, _ expected: String?) throws {
        if let expected {
            #expect(try Template(template).text(Self.value) == expected)
        } else {
            #expect(throws: ClientError.self) { try Template(template).text(Self.value) }
        }
    }

    @Test func aRowsFieldsAreKnown() throws {
        let row = Row.make([("ID", "x"), ("Labels", "a=b,c")])
        #expect(try Template("{{.ID}} {{.Label \"a\"}}|{{.Label \"z\"}}").text(row) == "x b|")
        #expect(try Template("{{json .}}").text(row) == #"{"ID":"x","Labels":"a=b,c"}"#)
        #expect(throws: ClientError.self) { try Template("{{.Nome}}").text(row) }
        #expect(try Listing("table {{.ID}}\\t{{.Labels}}", columns: []).text([row]) == "ID   LABELS\nx    a=b,c\n")
        #expect(try Listing(nil, columns: ["ID=THE ID"]).text([Row.make([("ID", "a\u{1b}[2J")])]) == "THE ID\na?[2J\n")
    }

    @Test func portsOfARowAreJoined() {
        func port(_ inner: Int64, _ outer: Int64? = nil, _ ip: String = "0.0.0.0") -> JSON {
            outer.map {
                ["IP": .string(ip), "PrivatePort": .integer(inner), "PublicPort": .integer($0), "Type": "tcp"]
            }
                ?? ["PrivatePort": .integer(inner), "Type": "tcp"]
        }
        #expect(
            ContainerRow.ports([port(81, 9001), port(80, 9000), port(443)]) == "0.0.0.0:9000-9001->80-81/tcp, 443/tcp")
        #expect(ContainerRow.ports([port(80, 80, "::"), port(80, 80)]) == "0.0.0.0:80->80/tcp, [::]:80->80/tcp")
    }

    @Test func processorsAreComparedWithAnEarlierLook() {
        let now: JSON = ["cpu_stats": ["cpu_usage": ["total_usage": 300], "system_cpu_usage": 2000, "online_cpus": 2]]
        let before: JSON = ["cpu_stats": ["cpu_usage": ["total_usage": 100], "system_cpu_usage": 1000]]
        #expect(UsageRow.processor(now, before) == 40)
        #expect(UsageRow.processor(now, now) == 0)
    }
}
