import Glibc
import NetCore
import TestSupport
import Testing

@testable import Lab

/// Lessons 01 to 07 where berth is the only program for networks.
@Suite("Lessons on a bare machine")
struct BareLessonTests {
    static let ids = ["01", "02", "03", "04", "05", "06", "07"]

    @Test(
        "red at first, green when what stands for its solution is typed: no ip, nft, iptables, curl, ping or python3",
        arguments: ids, [0, 65534])
    func solution(id: String, uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.bare(host, uid: uid)
            let lesson = try Lessons.find(id)
            let text = try lab.must("start", id)
            host.expect(!text.holds("same as:"), "what the lesson itself has typed is not told: \(text)")
            try lab.red("✗ 1 ", "expected: ", "seen: ")
            for number in 1...lesson.tasks.count {
                let text = try lab.must("solve")
                host.expect(text.holds("✓ \(number) \(lesson.tasks[number - 1].title)  (shown)"), text)
                host.expect(!text.holds("not found"), text)
                if number < lesson.tasks.count { try lab.red("✗ \(number + 1) ") }
            }
            try lab.must("check")
            // Where one goes on, the world is as far.
            try lab.must("reset", "--task", "\(lesson.tasks.count)")
            try lab.red("✗ \(lesson.tasks.count) ")
            try lab.must("solve")
            try lab.must("check")
            try lab.must("stop")
        }
    }

    @Test("hints and errors say what is typed there; nothing is written of nft")
    func hints() async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.bare(host, uid: 65534)
            try lab.must("start", "07", "--backend", "nft", exits: 1)
            host.expect(
                try lab.must("start", "07", "--backend", "iptables", exits: 1).holds("--backend net"), "the third")
            host.expect(try lab.must("start", "09", exits: 1).holds("there is no nft"), "lesson 09")
            host.expect(
                try lab.must("start", "09", "--backend", "net", exits: 1).holds("takes nft or iptables"), "net of 09")
            try lab.must("start", "07")
            let look = try lab.must("hint").replacing("\n", with: " ")
            host.expect(look.holds("Here without curl: berth net get."), look)
            try lab.must("hint")
            let commands = try lab.must("hint")
            host.expect(commands.holds("client ▸ berth net get -sS --max-time 2 198.51.100.2:8080 || true"), commands)
            try lab.must("solve")
            for _ in 1...2 { try lab.must("hint") }
            host.expect(try lab.must("hint").holds("host ▸ berth net publish 8080 to web:80"), "task 2")
        }
    }

    @Test("a packet's way tells what rules of berth net say, and how to mend it by berth net")
    func explained() async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.bare(host, uid: 65534)
            try lab.must("start", "07")
            try lab.must("solve", "--step", "2")
            let text = try lab.must("check", "--explain", exits: 1)
            host.expect(text.holds("fib daddr type local tcp dport 8080 counter dnat ip to 10.88.0.2:80"), text)
            host.expect(text.holds("Fix: host: berth net accept published"), text)
            host.expect(!text.holds("it has no rule that accepts"), text)
        }
    }

    @Test("one program that is missing is stood in for by itself", arguments: [0, 65534])
    func one(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.hide(["curl"])
            try lab.must("start", "06", "--backend", "nft")
            let text = try lab.must("solve", "--all")
            host.expect(text.holds("web ▸ berth net get -sS --max-time 1 203.0.113.10 || true"), text)
            host.expect(text.holds("inet ▸ ip route"), text)
            host.expect(text.holds("nft 'add rule ip lab postrouting"), text)
            host.expect(text.holds("host ▸ conntrack -L -p tcp"), text)
            try lab.must("check")
        }
    }

    @Test("nothing is written of the lesson's rules that the kernel's own programs could not do as well")
    func other() async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: 0)
            try lab.must("start", "06", "--backend", "net")
            try lab.must("solve", "--step", "1")
            let text = try lab.type("host", "berth net masquerade 10.88.0.0/24 not out br0")
            try lab.green(upTo: 2, of: 4)
            // What it was said to be the same as, instead of it.
            let commands = NetVerbTests.commands(text)[0]
            try lab.type("host", "berth net remove all")
            try lab.red("✓ 2 ")
            try lab.type("host", commands.joined(separator: "\n"))
            let rules = try lab.type("host", "berth net rules")
            host.expect(rules.holds("masquerade 10.88.0.0/24 not out br0  0 packets"), rules)
            try lab.type("web", "curl -s --max-time 2 203.0.113.10")
            host.expect(try lab.type("host", "berth net rules").holds("1 packet\n"), "its counter")
        }
    }

    @Test("berth net does what lessons 01 to 07 have typed, and no other lesson claims it")
    func all() {
        #expect(Lessons.all.filter(\.speaksNet).map(\.id) == BareLessonTests.ids)
    }

    @Test(
        "a line is turned where programs are missing, and only there",
        arguments: [
            ("ip link", ["ip"], "berth net link"),
            ("ip link", ["bridge"], "ip link"),
            (
                "ip address add 192.0.2.1/24 dev eth0; ip link set eth0 up", ["ip"],
                "berth net address add 192.0.2.1/24 dev eth0; berth net link set eth0 up"
            ),
            (
                "for port in a b; do ip link set $port master br0; done", ["ip"],
                "for port in a b; do berth net link set $port master br0; done"
            ),
            (
                "ip neigh flush dev br0; ping -c1 -W1 10.88.0.2", ["ping"],
                "ip neigh flush dev br0; berth net ping -c1 -W1 10.88.0.2"
            ),
            ("bridge fdb show br br0 | grep -v permanent", ["bridge"], "berth net bridge fdb show br br0 dynamic"),
            ("bridge fdb show br br0 | grep -v permanent", ["grep"], "bridge fdb show br br0 dynamic"),
            ("echo 'ip link; ip link' ip", ["ip"], "echo 'ip link; ip link' ip"),
            (
                "conntrack -D -p tcp --orig-port-dst 8080 >/dev/null 2>&1 || true", ["conntrack"],
                "berth net conntrack -D -p tcp --orig-port-dst 8080 >/dev/null 2>&1 || true"
            ),
            ("sleep 2; conntrack -L", ["conntrack"], "sleep 2; berth net conntrack -L"),
            ("ip rule add fwmark 1", ["ip"], nil),
            ("nft list ruleset", ["nft"], nil),
        ] as [(String, Set<String>, String?)])
    func lines(_ line: String, _ missing: Set<String>, _ turned: String?) {
        #expect(Equivalents.line(line, without: missing) == turned)
    }
}
