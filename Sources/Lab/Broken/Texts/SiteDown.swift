extension BrokenWorld {
    static let siteDown = BrokenWorld(
        id: "b01", symptom: "Site down from outside, fine on host",
        story:
            "web's port 80 is published as 198.51.100.2:8080. host forwards what was published, what comes from br0, and answers; "
            + "nothing else.",
        minutes: 8, world: .site, services: .site, whole: .site,
        symptoms: [.gets("client", "198.51.100.2", 8080, from: "web", seeing: "203.0.113.10")],
        guards: [
            .gets("host", "198.51.100.2", 8080, from: "web", seeing: "198.51.100.2"),
            .gets("web", "203.0.113.10", 80, from: "client", seeing: "198.51.100.2"),
        ] + .closed,
        variants: [
            Variant(
                name: "policy",
                cause:
                    "another table has a chain at forward whose policy is drop. An accept ends its own chain alone: the packet "
                    + "must pass every chain of the gate. Requests of host itself begin at output, and never come there.",
                look:
                    "berth lab exec host -- nft list ruleset (iptables-save): how many chains look at forwarded packets?",
                idea:
                    "An accept in one table does not end the others. One more chain stands at forward, and its policy is drop.",
                damage: .rules(
                    nft: """
                        table ip guard {
                         chain forward {
                          type filter hook forward priority 10; policy drop;
                          ct state established,related accept
                          iifname "br0" accept
                         }
                        }
                        """,
                    iptables: """
                        iptables -t mangle -P FORWARD DROP
                        iptables -t mangle -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
                        iptables -t mangle -A FORWARD -i br0 -j ACCEPT
                        """),
                solution: .rules(
                    nft: "add rule ip guard forward ct status dnat accept",
                    iptables: "iptables -t mangle -A FORWARD -m conntrack --ctstate DNAT -j ACCEPT",
                    "what was published may pass the other table's gate too")),
            Variant(
                name: "accept",
                cause:
                    "no rule of forward accepted what was published, and its policy is drop. host's own requests begin at output, "
                    + "and pass no forward.",
                look:
                    "berth lab exec host -- nft list chain ip lab forward (iptables -S FORWARD): which rule would accept the "
                    + "client's first packet?",
                idea:
                    "After prerouting the packet goes to web, by way of forward. It is no answer, and does not come from br0.",
                damage: .chain(
                    "forward", nft: ["ct state established,related accept", #"iifname "br0" accept"#],
                    iptables: "iptables -D FORWARD -o br0 -m conntrack --ctstate DNAT -j ACCEPT"),
                solution: .rules(
                    nft: #"add rule ip lab forward oifname "br0" ct status dnat accept"#,
                    iptables: "iptables -A FORWARD -o br0 -m conntrack --ctstate DNAT -j ACCEPT",
                    "what was published may pass")),
            Variant(
                name: "interface",
                cause:
                    "the rule that accepts what was published named br1, and the packet leaves by br0. A name that no link has is "
                    + "no error: the rule just never matches.",
                look: "berth lab exec host -- nft list chain ip lab forward (iptables -S FORWARD), and ip -br link.",
                idea: "Read each rule beside the packet: it comes in by eth0 and leaves by br0.",
                damage: .chain(
                    "forward",
                    nft: [
                        "ct state established,related accept", #"oifname "br1" ct status dnat accept"#,
                        #"iifname "br0" accept"#,
                    ],
                    iptables: "iptables -R FORWARD 2 -o br1 -m conntrack --ctstate DNAT -j ACCEPT"),
                solution: Both(
                    nft: [
                        LessonCommand(
                            "host",
                            "nft replace rule ip lab forward handle $(nft -a list chain ip lab forward | "
                                + #"sed -n 's/.*br1.*# handle //p') oifname br0 ct status dnat accept"#,
                            "the bridge that there is")
                    ],
                    iptables: [
                        LessonCommand(
                            "host", "iptables -R FORWARD 2 -o br0 -m conntrack --ctstate DNAT -j ACCEPT",
                            "the bridge that there is")
                    ])),
        ])
}
