import TestSupport
import Testing

/// Broken worlds whose causes stand in rules and parameters, each with a repair that breaks something else.
@Suite("Broken worlds b01 to b04 and b08")
struct BrokenRulesTests {
    @Test("b01", arguments: BrokenCase.all("b01", RulesRepairs.siteDown))
    func siteDown(_ each: BrokenCase) async throws { try await each.run() }

    @Test(
        "b02",
        arguments: BrokenCase.all("b02", [RulesRepairs.masquerade, RulesRepairs.wayBack, RulesRepairs.masquerade]))
    func noInternet(_ each: BrokenCase) async throws { try await each.run() }

    @Test(
        "b03",
        arguments: BrokenCase.all("b03", [RulesRepairs.masquerade, RulesRepairs.hijack, RulesRepairs.masquerade]))
    func notFromApp(_ each: BrokenCase) async throws { try await each.run() }

    @Test(
        "b04", arguments: BrokenCase.all("b04", [RulesRepairs.uplink, RulesRepairs.everyLink, RulesRepairs.masquerade]))
    func localhost(_ each: BrokenCase) async throws { try await each.run() }

    @Test("b08", arguments: BrokenCase.all("b08", RulesRepairs.openDatabase))
    func openDatabase(_ each: BrokenCase) async throws { try await each.run() }
}

/// Repairs that are none.
enum RulesRepairs {
    static let siteDown = [
        WrongRepair(
            nft: "nft 'add chain ip guard forward { policy accept; }; add chain ip lab forward { policy accept; }'",
            iptables: "iptables -t mangle -P FORWARD ACCEPT; iptables -P FORWARD ACCEPT", alone: true,
            "✗ a request, client → 10.88.0.3:80\n      expected: no answer\n      seen:     the answer is: app sees"),
        WrongRepair(
            nft: "nft 'add chain ip lab forward { policy accept; }'", iptables: "iptables -P FORWARD ACCEPT",
            alone: true, "✗ a request, client → 10.88.0.3:80"),
        // A program that asks in its own name.
        WrongRepair(
            nft: "nft flush chain ip lab prerouting; \(relay)", iptables: "iptables -t nat -F PREROUTING; \(relay)",
            alone: true, "seen:     the answer is: web sees 10.88.0.1"),
    ]
    static let relay = "socat TCP-LISTEN:8080,fork,reuseaddr TCP:10.88.0.2:80 >/dev/null 2>&1 & sleep 0.3"

    /// For everybody, also for who comes from outside.
    static let masquerade = WrongRepair(
        nft: "nft add rule ip lab postrouting masquerade", iptables: "iptables -t nat -A POSTROUTING -j MASQUERADE",
        "the answer is: web sees 10.88.0.1")
    static let wayBack = WrongRepair(
        on: "inet", "ip route add 10.88.0.0/24 via 198.51.100.2", alone: true, "the answer is: client sees 10.88.0.2")

    /// Whatever asks for port 8080, of anybody.
    static let hijack = WrongRepair(
        nft: "nft add rule ip lab prerouting tcp dport 8080 dnat to 10.88.0.2:80",
        iptables: "iptables -t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 10.88.0.2:80",
        alone: true,
        "✗ a request, app → 203.0.113.10:8080")

    static let everyLink = WrongRepair(
        "sysctl -qw net.ipv4.conf.all.route_localnet=1", "✗ net/ipv4/conf/all/route_localnet of host")
    static let uplink = WrongRepair(
        "sysctl -qw net.ipv4.conf.eth0.route_localnet=1", "✗ net/ipv4/conf/eth0/route_localnet of host")

    static let openDatabase = [
        WrongRepair(
            nft: "nft flush chain ip lab prerouting", iptables: "iptables -t nat -F PREROUTING", alone: true,
            "✗ a request, app → 10.88.0.1:5432"),
        WrongRepair(
            nft: "nft insert rule ip firewall input tcp dport 5432 drop",
            iptables: "iptables -I INPUT -p tcp --dport 5432 -j DROP", alone: true, "✗ a request, app → 10.88.0.1:5432"),
        WrongRepair(
            nft: "nft 'add chain ip firewall input { policy drop; }'", iptables: "iptables -P INPUT DROP",
            "✗ a request, app → 10.88.0.1:5432"),
    ]
}
