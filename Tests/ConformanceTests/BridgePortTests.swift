import Inspect
import JSON
import NetCore
import TestSupport
import Testing

@Suite("bridge: portIsolation, disableContainerInterface, macspoofchk (cni.md 2.1)")
struct BridgePortTests {
    static let isolated = TestNetwork.bridged(keys: ["portIsolation": true])
    static let checked = TestNetwork.bridged(keys: ["macspoofchk": true])
    static let down = TestNetwork.bridged(
        keys: ["disableContainerInterface": true, "ipam": [:], "macspoofchk": true, "portIsolation": true])

    // MARK: portIsolation

    @Test(
        "2.1 containers with portIsolation do not reach each other, but their gateway, the outside and others they do",
        arguments: AddressFamily.allCases)
    func isolation(_ family: AddressFamily) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let first = try host.attach(BridgePortTests.isolated, "c1")
            let second = try host.attach(BridgePortTests.isolated, "c2")
            let open = try host.attach(.bridged(), "c3")
            func reaches(_ client: String, _ address: IPAddress, at server: String?) throws -> Bool {
                let target = Endpoint(address, 7000)
                return try host.converse(
                    .udp, from: client, to: target, at: server, listening: target, milliseconds: 1500) != nil
            }
            host.expect(try reaches("c1", first.gateway(family)!, at: nil), "the gateway is not reached")
            host.expect(try reaches("c1", Uplink.outside(family), at: "outside"), "the outside is not reached")
            host.expect(try reaches("c1", open.address(family)!, at: "c3"), "a port that is open is not reached")
            host.expect(try reaches("c3", second.address(family)!, at: "c2"), "an open port does not reach c2")
            host.expect(try !reaches("c1", second.address(family)!, at: "c2"), "c1 reaches c2")
            host.expect(try !reaches("c2", first.address(family)!, at: "c1"), "c2 reaches c1")
        }
    }

    // MARK: disableContainerInterface

    @Test("2.1 with disableContainerInterface the container's end stays down, without addresses, and its cable stands")
    func leftDown() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(BridgePortTests.down, "c1")
            let link = try host.link("eth0", in: "c1")
            host.expect(link["flags"]?.array?.contains("UP") == false, "the link is up: \(link)")
            let addresses = try host.inside("c1") { try host.addresses("eth0") }
            host.expect(addresses, is: [], "addresses")
            host.expect(attached.result["ips"], is: nil, "addresses in the result")
            host.expect(attached.result["interfaces"]?.array?.count, is: 3, "interfaces in the result")
            host.expect(attached.link("eth0")?["mac"], is: link["address"], "the MAC address in the result")
            let failure = try host.check(attached)
            host.expect(failure == nil, "\(failure!)")
        }
    }

    @Test("2.1 disableContainerInterface with ipam is code 7 that names both, and nothing is made")
    func leftDownWithAddresses() throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            var configuration = TestNetwork.bridged().plugins[0]
            configuration["disableContainerInterface"] = true
            try host.expectUnchanged {
                try host.expectError(
                    7, naming: ["\"disableContainerInterface\": true", "ipam", "host-local"],
                    Call(.bridge, "ADD", configuration))
            }
        }
    }

    // MARK: macspoofchk

    @Test("2.1 with macspoofchk frames with another source address than the container's are dropped, and only those")
    func spoofing() throws {
        try PrivateHost.run { host in
            let first = try host.attach(BridgePortTests.checked, "c1")
            let second = try host.attach(.bridged(), "c2")
            let own = MACAddress(first.link("eth0")!["mac"]!.string!)!
            let neighbour = MACAddress(second.link("eth0")!["mac"]!.string!)!
            let stranger = MACAddress("c2:00:00:00:00:66")!
            let (sender, receiver) = (try FrameSocket(host, in: "c1"), try FrameSocket(host, in: "c2"))
            try sender.send(from: stranger, "a stranger's")
            try sender.send(from: neighbour, "the neighbour's")
            try sender.send(from: neighbour, to: neighbour.bytes, "the neighbour's to itself")
            // In a VLAN tag (802.1Q) a frame is no less its sender's.
            // Groups that end at the bridge, of which no rule sees all: STP, 802.1X, LLDP (802.1Q, table 8-1).
            for last: UInt8 in [0x00, 0x03, 0x0e] {
                try sender.send(from: neighbour, to: [0x01, 0x80, 0xc2, 0, 0, last], "to the bridge")
            }
            try sender.send(from: stranger, tag: [0x81, 0x00, 0x00, 0x05], "a stranger's, tagged")
            try sender.send(from: own, to: neighbour.bytes, "its own, to one")
            try sender.send(from: own, "its own")
            host.expect(receiver.received(until: "its own"), is: ["its own, to one", "its own"], "what c2 receives")
            // The bridge has not learned that the neighbour were at the spoofer's port.
            let table = try host.must("bridge fdb show br cni0").split(separator: "\n")
            host.expect(
                !table.contains { $0.contains("dev \(first.hostEnd!)") && $0.hasPrefix("\(neighbour) ") },
                "the bridge learned a spoofed address")
            // Who is not checked may send what it likes, but the container's frames it does not get.
            try receiver.send(from: own, "the container's by c2")
            host.expect(
                try host.must("bridge fdb get \(own) br cni0").contains("dev \(first.hostEnd!)"),
                "a neighbour stole the container's address")
            try receiver.send(from: stranger, "a stranger's of c2")
            host.expect(
                sender.received(until: "a stranger's of c2").last, is: "a stranger's of c2", "what c1 receives")
        }
    }

    @Test("2.1 with macspoofchk the container's own packets pass", arguments: AddressFamily.allCases)
    func traffic(_ family: AddressFamily) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            _ = try host.attach(BridgePortTests.checked, "c1")
            let neighbour = try host.attach(BridgePortTests.checked, "c2")
            let outside = Endpoint(Uplink.outside(family), 7000)
            host.expect(
                try host.converse(.tcp, from: "c1", to: outside, at: "outside", listening: outside) != nil,
                "the outside is not reached")
            let near = Endpoint(neighbour.address(family)!, 7000)
            host.expect(
                try host.converse(.tcp, from: "c1", to: near, at: "c2", listening: near) != nil, "c2 is not reached")
        }
    }

    @Test("2.1 macspoofchk holds against the mac that a later tuning sets, as the reference does")
    func tuned() throws {
        try PrivateHost.run { host in
            let tuning: JSONObject = ["type": "tuning", "mac": "c2:00:00:00:00:07"]
            let attached = try host.attach(.bridged(tuning, keys: ["macspoofchk": true]), "c1")
            let failure = try host.check(attached)
            host.expect(failure == nil, "\(failure!)")
            let gateway = Endpoint(attached.gateway(.v4)!, 7000)
            func reaches() throws -> Bool {
                try host.converse(.udp, from: "c1", to: gateway, at: nil, listening: gateway, milliseconds: 1000) != nil
            }
            host.expect(try !reaches(), "another MAC address than the bridge plugin's is taken")
            // The capability `mac` is read by both.
            var both = TestNetwork.bridged(["type": "tuning"], keys: ["macspoofchk": true])
            for index in both.plugins.indices { both.plugins[index]["capabilities"] = ["mac": true] }
            let told = try host.attach(both, "c2", runtimeConfig: ["mac": "c2:00:00:00:00:08"])
            host.expect(try host.link("eth0", in: "c2")["address"], is: "c2:00:00:00:00:08", "the MAC address")
            host.expect(
                try host.converse(.udp, from: "c2", to: gateway, at: nil, listening: gateway) != nil,
                "the runtime's MAC address is not taken")
            let drift = try host.check(told)
            host.expect(drift == nil, "\(drift!)")
        }
    }

    @Test(
        "2.1 N-1 rules of macspoofchk do not grow with containers: two elements each, and no table without the key",
        .onNftables)
    func constantRules() throws {
        try PrivateHost.run { host in
            _ = try host.attach(.bridged(), "c0")
            host.expect(try !host.must("nft list tables").contains("table bridge"), "a table that nobody asked for")
            func rules() throws -> Int { try host.must("nft -j list ruleset").components(of: "{\"rule\"") }
            _ = try host.attach(BridgePortTests.checked, "c1")
            let few = try rules()
            for index in 2...5 { _ = try host.attach(BridgePortTests.checked, "c\(index)") }
            host.expect(try rules(), is: few, "rules with five containers")
            let table = try host.must("nft list table bridge berth")
            host.expect(table.components(of: "comment \"bridge "), is: 10, "elements")
        }
    }

    @Test("C-2 elements of both tables are one transaction", .onNftables)
    func oneTransaction() throws {
        try PrivateHost.run { host in
            _ = try host.baseline(BridgePortTests.checked)
            try host.makeNamespace("c1")
            let counter = try GenerationCounter(host)
            for command in ["ADD", "DEL"] {
                let before = try counter.now(host)
                let attached = Attached(network: BridgePortTests.checked, id: "c1", namespace: "c1")
                try host.expectSuccess(attached.call(0, command, previous: nil))
                host.expect(try counter.now(host) - before - 2, is: 1, "transactions of \(command)")
            }
        }
    }

    // MARK: what every key promises

    static let sabotages: [Sabotage] = [
        Sabotage(
            "isolation switched off", 0, naming: "HOSTEND", host: "ip link set HOSTEND type bridge_slave isolated off"),
        Sabotage(
            "learning switched on", 0, naming: "learning", host: "ip link set HOSTEND type bridge_slave learning on"),
        Sabotage("the bridge told to forget the container", 0, naming: "forwarding entry") { host, attached in
            let mac = attached.link("eth0")?["mac"]?.string ?? "none"
            try host.must("bridge fdb delete \(mac) dev \(attached.hostEnd!) master")
        },
        Sabotage("the container's address put at another port", 0, naming: "forwarding entry") { host, attached in
            try host.must("ip link add other0 type veth peer name other1")
            try host.must("ip link set other0 master cni0")
            let mac = attached.link("eth0")?["mac"]?.string ?? "none"
            try host.must("bridge fdb replace \(mac) dev other0 master static")
        },
        Sabotage("elements deleted", 0, naming: "senders") { host, _ in
            try host.deleteElements(ownedBy: "bridge", evenWithIptables: true)
        },
        Sabotage(
            "the port let out of the check", 0, naming: "checked_ports",
            host: "nft delete element bridge berth checked_ports { HOSTEND }"),
        Sabotage("table deleted", 0, naming: "bridge berth", host: "nft delete table bridge berth"),
        Sabotage("rule deleted", 0, naming: "bridge berth", host: "nft flush chain bridge berth prerouting"),
        Sabotage("ruleset flushed", 0, naming: "bridge berth", host: "nft flush ruleset"),
        Sabotage("link up", 0, naming: "eth0", inside: "ip link set eth0 up"),
        Sabotage("an address added", 0, naming: "10.9.9.9", inside: "ip address add 10.9.9.9/24 dev eth0"),
        Sabotage("link deleted", 0, naming: "eth0", inside: "ip link delete eth0"),
        Sabotage("MAC address changed", 0, naming: "eth0", inside: "ip link set eth0 address c2:00:00:00:00:77"),
    ]

    @Test("P-54 P-55 a sabotage of what the three keys made is code 106 that names it", arguments: sabotages)
    func sabotage(_ sabotage: Sabotage) throws {
        try PrivateHost.run { host in
            let attached = try host.attach(BridgePortTests.down, "c1")
            let failure = try host.check(attached)
            guard host.expect(failure == nil, "CHECK before the sabotage: \(failure!)") else { return }
            try sabotage.commit(host, attached)
            try host.expectDrift(attached, 0, naming: sabotage.names.replacing("HOSTEND", with: attached.hostEnd!))
            try host.detach(attached)
        }
    }

    @Test(
        "rank 6 one repair brings back what the three keys made, and CHECK is content",
        arguments: sabotages.filter { $0.testDescription != "an address added" })
    func repaired(_ sabotage: Sabotage) throws {
        try PrivateHost.run { host in
            // The MAC address is one that no configuration holds.
            let attached = try host.attach(BridgePortTests.down, "c1", arguments: "MAC=c2:00:00:00:00:09")
            let other = try host.attach(BridgePortTests.checked, "c2")
            try sabotage.commit(host, attached)
            let repair = try Repair(of: StateDirectory(), changes: true)
            host.expect(repair.isClean && !repair.entries.isEmpty, repair.text)
            for one in [attached, other] {
                let failure = try host.check(one)
                host.expect(failure == nil, "CHECK after the repair: \(failure.map { "\($0)" } ?? "")")
            }
            let again = try Repair(of: StateDirectory(), changes: true)
            host.expect(again.entries.isEmpty, again.text)
            let table = try host.must("nft list table bridge berth")
            host.expect(table.components(of: "comment \"bridge "), is: 4, "elements of two containers")
            for one in [attached, other] { try host.detach(one) }
        }
    }

    @Test("P-50 P-51 DEL leaves nothing of a checked sender, whatever is lost", arguments: DeleteTests.everyLoss)
    func removed(_ loss: Attached.Loss) throws {
        try PrivateHost.run { host in
            for network in [BridgePortTests.checked, BridgePortTests.down] {
                let before = try host.baseline(network)
                let attached = try host.attach(network, "c1")
                let neighbour = try host.attach(network, "c2")
                try host.detach(attached, losing: loss)
                try host.detach(attached, losing: loss)
                let failure = try host.check(neighbour)
                host.expect(failure == nil, "the neighbour was hurt: \(failure!)")
                // The record is lost as well: the elements are found by their comments.
                try host.must("rm -r /run/berth/attachments")
                try host.detach(neighbour, losing: [.namespace, .previousResult, .runtimeConfig])
                host.expect(try host.settledState().difference(from: before), is: "", "the difference")
            }
        }
    }

    @Test("P-57 GC removes the elements of all attachments but the valid ones", arguments: [true, false])
    func collected(_ hasRecords: Bool) throws {
        try PrivateHost.run { host in
            let before = try host.baseline(BridgePortTests.checked)
            let kept = try host.attach(BridgePortTests.checked, "c1")
            for id in ["c2", "c3"] { _ = try host.attach(BridgePortTests.checked, id) }
            let other = try host.attach(
                .bridged(
                    name: "net2", bridge: "cni1", v4: "10.33.0.0/24", v6: "fd33::/64", keys: ["macspoofchk": true]),
                "other")
            if !hasRecords { try host.must("rm -r /run/berth/attachments") }
            let failure = try host.collect(BridgePortTests.checked, valid: [kept])
            host.expect(failure == nil, "\(failure!)")
            for attached in [kept, other] {
                let failure = try host.check(attached)
                host.expect(failure == nil, "\(failure!)")
            }
            let table = try host.must("nft list table bridge berth")
            host.expect(table.components(of: "comment \"bridge "), is: 4, "elements of c1 and the other network")
            try host.detach(other)
            try host.must("ip link delete cni1")
            try host.detach(kept)
            let left = try host.settledState().matching { !$0.contains("net2") }
            host.expect(left.difference(from: before), is: "", "the difference")
        }
    }

    @Test("P-34 an ADD that finds its port's element taken fails and leaves nothing")
    func failing() throws {
        try PrivateHost.run { host in
            _ = try host.baseline(BridgePortTests.checked)
            let attachment = Attachment(network: "net1", containerID: "c1", interface: LinkName("eth0")!)
            try host.must(
                "nft add element bridge berth checked_ports { \(attachment.hostInterface) comment \"stranger\" }")
            try host.makeNamespace("c1")
            let before = try host.settledState()
            let attached = Attached(network: BridgePortTests.checked, id: "c1", namespace: "c1")
            let answer = try host.call(attached.call(0, "ADD", previous: nil))
            host.expect(!answer.succeeded && answer.sentence.contains("checked_ports"), "\(answer)")
            host.expect(answer.sentence.contains("stranger"), "the holder is not named: \(answer)")
            host.expect(try host.settledState().difference(from: before), is: "", "the difference")
        }
    }

    @Test(
        "P-56 STATUS is 51 when the frames' table is gone or changed under an attachment, and well without any",
        .onNftables)
    func status() throws {
        try PrivateHost.run { host in
            let fresh = try host.status(BridgePortTests.checked)
            host.expect(fresh == nil, "\(fresh!)")
            let attached = try host.attach(BridgePortTests.checked, "c1")
            let well = try host.status(BridgePortTests.checked)
            host.expect(well == nil, "\(well!)")
            for command in ["nft flush chain bridge berth prerouting", "nft delete table bridge berth"] {
                try host.must(command)
                let harmed = try host.status(BridgePortTests.checked)
                host.expect(harmed?.isError(51) == true, "\(harmed as Any)")
                host.expect(harmed?.sentence.contains("bridge berth") == true, "\(harmed as Any)")
            }
            try host.detach(attached)
            // The L2-only kind has no other table, and misses none.
            let down = try host.attach(BridgePortTests.down, "c2")
            try host.must("nft delete table inet berth")
            let failure = try host.status(BridgePortTests.down)
            host.expect(failure == nil || failure!.sentence.contains("ipMasq"), "\(failure as Any)")
            try host.detach(down)
        }
    }
}
