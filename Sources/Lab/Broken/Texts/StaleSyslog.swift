extension BrokenWorld {
    static let staleSyslog = BrokenWorld(
        id: "b05", symptom: "UDP syslog stopped after a redeploy",
        story:
            "A device, client, sends its log to 198.51.100.2, UDP port 514, several times a second, always from port 40514; web "
            + "collects it. web was redeployed, as 10.88.0.7, and the rule was changed. Port 5000 is closed for new calls, and one "
            + "call from before goes on, from the device's port 45000 to app: it must not be cut.",
        minutes: 8, world: .site, services: [],
        whole: .call
            + Both(
                LessonCommand("web", "berth lab-take 514; berth lab-take 5000"),
                LessonCommand("app", "berth lab-take 514; berth lab-take 5000"),
                LessonCommand("client", "berth lab-send 45000 198.51.100.2 5000; sleep 0.3", "a call")),
        symptoms: [.hears("web", "the device's log", from: "203.0.113.10", 40514, port: 514)],
        guards: [
            .hears("app", "the call that goes on", from: "203.0.113.10", 45000, port: 5000),
            .isClosed("client", "198.51.100.2", 5000, to: "app", "a new call"),
        ],
        variants: [
            Variant(
                name: "address",
                cause:
                    "conntrack remembered the flow from before, with its rewrite to 10.88.0.2, which nobody has any more. Rules of "
                    + "NAT see the first packet of a flow alone; the device never stops, and never changes its port, so that the "
                    + "flow never ends.",
                look:
                    "berth lab exec host -- conntrack -L -p udp (or berth conntrack ls host): to whom does the log go?",
                idea:
                    "The rule is right, and no packet of this flow asks it any more. Let host forget the flow, and no other.",
                damage: .logged("10.88.0.2") + .began + .redeployed + .logged("10.88.0.7") + .noCall,
                solution: .forgotten),
            Variant(
                name: "owner",
                cause:
                    "conntrack remembered the flow from before, with its rewrite to 10.88.0.2, and app has got that address too: it "
                    + "took the device's log, and nobody noticed. Rules of NAT see the first packet of a flow alone.",
                look: "berth lab exec host -- conntrack -L -p udp: to whom does the log go, and who is that now?",
                idea:
                    "The rule is right, and no packet of this flow asks it any more. Let host forget the flow, and no other.",
                damage: .logged("10.88.0.2") + .began + .redeployed
                    + Both(LessonCommand("app", "ip address add 10.88.0.2/24 dev eth0")) + .logged("10.88.0.7")
                    + .noCall,
                solution: .forgotten),
            Variant(
                name: "early",
                cause:
                    "the device sent before there was a rule, so that host remembered a flow to itself, without a rewrite. The rule "
                    + "came later, and rules of NAT see the first packet of a flow alone.",
                look: "berth lab exec host -- conntrack -L -p udp: was the log's destination ever rewritten?",
                idea:
                    "The rule is right, and no packet of this flow asks it any more. Let host forget the flow, and no other.",
                damage: .began + .redeployed + .logged("10.88.0.7") + .noCall, solution: .forgotten),
        ])
}

extension Both {
    fileprivate static let call = rules(
        nft: """
            table ip lab {
             chain syslog {
             }
             chain calls {
              udp dport 5000 dnat to 10.88.0.3:5000
             }
             chain prerouting {
              type nat hook prerouting priority -100;
              fib daddr type local jump syslog
              fib daddr type local jump calls
             }
             chain forward {
              type filter hook forward priority 0; policy drop;
              ct state established,related accept
              oifname "br0" ct status dnat accept
             }
            }
            """,
        iptables: """
            set -e
            iptables -t nat -N SYSLOG
            iptables -t nat -N CALLS
            iptables -t nat -A CALLS -p udp --dport 5000 -j DNAT --to-destination 10.88.0.3:5000
            iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j SYSLOG
            iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j CALLS
            iptables -P FORWARD DROP
            iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
            iptables -A FORWARD -o br0 -m conntrack --ctstate DNAT -j ACCEPT
            """)

    fileprivate static func logged(_ address: String) -> Both {
        chain(
            "syslog", nft: ["udp dport 514 dnat to \(address):514"],
            iptables: "iptables -t nat -F SYSLOG; "
                + "iptables -t nat -A SYSLOG -p udp --dport 514 -j DNAT --to-destination \(address):514")
    }
    fileprivate static let began = Both(LessonCommand("client", "berth lab-send 40514 198.51.100.2 514; sleep 0.3"))
    fileprivate static let redeployed = Both(
        LessonCommand(
            "web",
            "ip -4 address flush dev eth0; ip address add 10.88.0.7/24 dev eth0; ip route replace default via 10.88.0.1"
        ))
    fileprivate static let noCall = chain("calls", nft: [], iptables: "iptables -t nat -F CALLS")
    fileprivate static let forgotten = Both(
        LessonCommand(
            "host", "conntrack -D -p udp --orig-port-dst 514 >/dev/null 2>&1",
            "this flow, and not the call's: the next datagram is a first one, and asks the rule"))
}
