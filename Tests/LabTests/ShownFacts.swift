import Glibc
import Lab
import NetCore
import TestSupport

/// What the lessons show at their tasks' ends, beside what the world's own programs say of it.
struct ShownFacts {
    let lab: LabHost
    let backend: Backend

    /// What must be told once task `number` of a lesson has been seen to be done.
    func facts(_ id: String, _ number: Int) throws -> [String] {
        switch (id, number) {
        case ("01", 3):
            return [
                "\(try inode("box")) 2 box lo up 80 0 off: no entry made",
                "\(try inode("twin")) 2 twin lo down 80 0 off: no entry made", try own(),
                "Ports, routes, rules, conntrack are all per-namespace",
            ]
        case ("02", 3):
            return [
                "left   out by eth0  ttl 64  192.0.2.1 → 192.0.2.2",
                "right  in by eth0   ttl 64  192.0.2.1 → 192.0.2.2",
                "one frame, seen twice",
            ]
        case ("03", 3):
            return [
                "web  \(try mac("web", "eth0")) ── vweb ─┐",
                "app  \(try mac("app", "eth0")) ── vapp ─┼─ the switch br0",
                "db  \(try mac("db", "eth0")) ── vdb ──┘",
                "host's own port has the MAC \(try mac("host", "br0")) and the address 10.88.0.1/24",
            ]
        case ("05", 5):
            return [
                "ttl 64 → 63 → 62", "client  out by eth0", "inet has no route to 10.88.0.2", "that is why NAT exists",
            ]
        case ("06", 3):
            return [
                "ORIGINAL  10.88.0.2:", "REPLY     198.51.100.2:", "◀──  203.0.113.10:80", "counter went up by 1:",
                backend == .nft ? "oifname != \"br0\" masquerade" : "10.88.0.0/24",
            ]
        case ("06", 4):
            let second = try lab.type("host", "conntrack -L -p tcp --orig-port-src 55555 -s 10.88.0.3 2>/dev/null")
                .split(separator: " ").last { $0.hasPrefix("dport=") }?.dropFirst(6)
            return [
                "ORIGINAL  10.88.0.2:55555 ", "REPLY     198.51.100.2:55555 ", "ORIGINAL  10.88.0.3:55555 ",
                "REPLY     198.51.100.2:\(second ?? "?") ",
            ]
        case ("07", 4):
            // berth net's table is of family inet, where nft names the family of the address.
            let rule: [Backend: String] = [
                .nft: "dnat to 10.88.0.2:80", .net: "dnat ip to 10.88.0.2:80", .iptables: "DNAT",
            ]
            return [
                "client  eth0 ─▶", "╬ prerouting", rule[backend] ?? "", "REWRITE", "vweb ─▶", "✓ delivered to web",
            ]
        case ("07", 5):
            return [
                "1 prerouting  198.51.100.2:8080 becomes 10.88.0.2:80",
                "2 routing     10.88.0.2 dev br0; net.ipv4.ip_forward is 1",
                "3 forward     accept by \(backend == .nft ? "ct status dnat accept" : "")",
                "4 delivery    out by vweb; web takes it, and sees 203.0.113.10",
                "5 the answer  the answer's 10.88.0.2:80 becomes 198.51.100.2:8080",
                "berth run -p 8080:80 --explain IMAGE", "map fwd_any4", "set published4",
            ]
        case ("08", 3): return ["╬ output", "127.0.0.1 may not leave lo: route_localnet=0"]
        case ("08", 4):
            return [
                "on eth0, whose route_localnet is 0", "still refuses a route to 127.0.0.1's packets (EINVAL",
                "on br0 it is 1 now",
                "web refuses a packet \"from 127.0.0.1\"", "from 127.0.0.1:", "answered by web, which sees 10.88.0.1",
            ]
        case ("09", 3):
            return ["app ◀───── 3 ───── web", "→ 198.51.100.2:8080", "→ 10.88.0.2:80", "a short cut", "(vweb, vapp)"]
        case ("09", 4):
            return [
                "1,4 / \\ 2,3", "3 web answers:       10.88.0.2:80 → 10.88.0.1:",
                "4 host turns it back: app has an answer from 198.51.100.2:8080",
            ]
        case ("11", 2):
            return [
                "198.51.100.2:8080 becomes 10.88.0.2:80", "policy drop", "▶ client → 198.51.100.2:22", "host has it",
                "web has it",
            ]
        case ("11", 3): return ["policy drop", "host has it", "dropped here", "8080"]
        case ("13", 3), ("13", 4):
            let (address, link) = number == 3 ? ("198.51.100.2", "eth0") : ("192.0.2.2", "eth1")
            return [
                "in by vweb", "from 10.88.0.2:80", "203.0.113.10 dev \(link)",
                "REWRITE from 10.88.0.2:80 to \(address):8080", "out by \(link)", "after its route was chosen",
                "no rule sees that",
            ]
        case ("14", 4): return ["host  out by eth0  carries 1300 bytes", "sends 203.0.113.10 at most 1300 bytes now"]
        case ("14", 8):
            return ["by NAT: [2001:db8:198::2]:8080", "to [fd00:88::2]:80", "without: [2001:db8:88::2]:80"]
        default: return []
        }
    }

    private func inode(_ node: String) throws -> String {
        let link = try lab.type(node, "readlink /proc/self/ns/net")
        return link.filter { $0.isNumber }
    }

    /// That of berth's own network.
    private func own() throws -> String {
        let outcome = try lab.host.run(["readlink", "/proc/self/ns/net"], seconds: 5)
        return "berth itself was started in " + outcome.text.filter { $0.isNumber }
    }

    private func mac(_ node: String, _ link: String) throws -> String {
        let words = try lab.type(node, "ip -br link show \(link)").split(separator: " ")
        return words.count > 2 ? String(words[2]) : "?"
    }

    /// With one blank wherever there are blanks or the line was broken.
    static func words(_ text: String) -> String {
        text.split { $0 == " " || $0 == "\n" }.map(String.init).joined(separator: " ")
    }

    /// The facts stand in what a check told, whose lines fit on a screen.
    func expect(_ id: String, _ number: Int, in text: String) throws {
        // Where a line was broken does not matter.
        let words = ShownFacts.words(text)
        for fact in try facts(id, number) {
            lab.host.expect(
                words.holds(ShownFacts.words(fact)), "\"\(fact)\" is not shown at \(id), task \(number):\n\(text)")
        }
        // Behind what the solution's commands said.
        let lines = text.split(separator: "\n")
        let shown = lines[(lines.lastIndex { $0.hasPrefix("✓ 1 ") } ?? 0)...].filter { $0.hasPrefix("    ") }
        lab.host.expect(shown.count <= 24, "\(shown.count) lines at \(id), task \(number)")
        for line in shown { lab.host.expect(line.count <= 80, "too wide at \(id), task \(number): \(line)") }
    }
}
