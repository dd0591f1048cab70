extension BrokenWorld {
    static let notFromApp = BrokenWorld(
        id: "b03", symptom: "Works from client, not from app",
        story:
            "web's port 80 is published as 198.51.100.2:8080, for the internet and for app. app reaches web by 10.88.0.2:80 too, "
            + "on the same bridge, under its own address.",
        minutes: 9, world: .site, services: .site, whole: .site,
        symptoms: [
            .gets("app", "198.51.100.2", 8080, from: "web", seeing: "10.88.0.1"),
            .gets("app", "10.88.0.2", 80, from: "web", seeing: "10.88.0.3"),
        ],
        guards: [
            .gets("client", "198.51.100.2", 8080, from: "web", seeing: "203.0.113.10"),
            .gets("app", "203.0.113.10", 80, from: "client", seeing: "198.51.100.2"),
            .getsNothing("app", "203.0.113.10", 8080),
        ] + .closed,
        variants: [
            Variant(
                name: "masquerade",
                cause:
                    "nothing gave the turned round packets another sender: web answered app directly, over the bridge, from "
                    + "10.88.0.2, and app had asked 198.51.100.2. Its kernel refuses answers from somebody else.",
                look: "berth lab trace from app to 198.51.100.2:8080: which way does the answer go?",
                idea:
                    "What comes from the bridge and goes back to it must bear host's address, so that the answer comes by host.",
                damage: .chain(
                    "postrouting", nft: [#"ip saddr 10.88.0.0/24 oifname "eth0" masquerade"#],
                    iptables: "iptables -t nat -D POSTROUTING 2"),
                solution: .rules(
                    nft: #"add rule ip lab postrouting ip saddr 10.88.0.0/24 oifname "br0" ct status dnat masquerade"#,
                    iptables:
                        "iptables -t nat -A POSTROUTING -s 10.88.0.0/24 -o br0 -m conntrack --ctstate DNAT -j MASQUERADE",
                    "only what comes from the bridge, goes back to it and was rewritten")),
            Variant(
                name: "interface",
                cause:
                    "the rule that rewrites asked for packets that come in by eth0. app's come in by br0, and went to port 8080 of "
                    + "host itself, where nobody listens.",
                look: "berth lab trace from app to 198.51.100.2:8080: who answers, and was the destination rewritten?",
                idea: "Published is an address, whichever link a packet for it comes in by.",
                damage: .chain(
                    "prerouting", nft: [#"iifname "eth0" tcp dport 8080 dnat to 10.88.0.2:80"#],
                    iptables:
                        "iptables -t nat -R PREROUTING 1 -i eth0 -p tcp --dport 8080 -j DNAT --to-destination 10.88.0.2:80"
                ),
                solution: .rules(
                    nft: "add rule ip lab prerouting fib daddr type local tcp dport 8080 dnat to 10.88.0.2:80",
                    iptables: "iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -p tcp --dport 8080 "
                        + "-j DNAT --to-destination 10.88.0.2:80", "whatever is addressed to host itself")),
            Variant(
                name: "bridge",
                cause:
                    "net.bridge.bridge-nf-call-iptables of host was 1: frames from port to port of the bridge had to pass the rules "
                    + "of forward, and those let through what leaves by eth0 or was rewritten, and nothing else.",
                look: "berth lab trace from app to 10.88.0.2:80: where does a packet end that never leaves the bridge?",
                idea:
                    "br_netfilter sends frames of the bridge through the gates of IP. Either it must not, or a rule must accept what "
                    + "goes from br0 to br0.",
                damage: Both(LessonCommand("host", "sysctl -qw net.bridge.bridge-nf-call-iptables=1"))
                    + .chain(
                        "forward",
                        nft: [
                            "ct state established,related accept", #"oifname "br0" ct status dnat accept"#,
                            #"iifname "br0" oifname "eth0" accept"#,
                        ], iptables: "iptables -R FORWARD 3 -i br0 -o eth0 -j ACCEPT"),
                solution: .rules(
                    nft: #"add rule ip lab forward iifname "br0" oifname "br0" accept"#,
                    iptables: "iptables -A FORWARD -i br0 -o br0 -j ACCEPT", "what stays on the bridge may pass"),
                needsBridgeFilter: true),
        ])
}
