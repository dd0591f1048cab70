import CKernel
import Glibc
import TestSupport
import Testing

@testable import NetCore

/// Who took rules of nf_tables away: the notifications of one transaction, and the kernel's own.
@Suite("Removals of rules, as told by NFT_MSG_NEWGEN")
struct RuleRemovalTests {
    private static func message(_ type: nf_tables_msg_types, _ attributes: [[UInt8]], family: Int32 = 1) -> NetlinkReply
    {
        Wire.reply(
            Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(type.rawValue),
            [UInt8(family), 0, 0, 0] + attributes.flatMap { $0 })
    }

    private static func text(_ type: UInt32, _ text: String) -> [UInt8] {
        Wire.attribute(Int(type), Array("\(text)\0".utf8))
    }

    private static func generation(_ number: Int, pid: Int? = 812, _ name: String = "firewalld") -> NetlinkReply {
        message(
            NFT_MSG_NEWGEN,
            [Wire.attribute(Int(NFTA_GEN_ID.rawValue), Wire.big(number, 4))]
                + (pid.map {
                    [
                        Wire.attribute(Int(NFTA_GEN_PROC_PID.rawValue), Wire.big($0, 4)),
                        text(NFTA_GEN_PROC_NAME.rawValue, name),
                    ]
                } ?? []), family: 0)
    }

    private static let table = message(NFT_MSG_DELTABLE, [text(NFTA_TABLE_NAME.rawValue, "berth")])
    private static let rule = message(
        NFT_MSG_DELRULE, [text(NFTA_RULE_TABLE.rawValue, "nat"), text(NFTA_RULE_CHAIN.rawValue, "POSTROUTING")],
        family: Int32(NFPROTO_IPV4))
    private static let element = message(
        NFT_MSG_DELSETELEM,
        [text(NFTA_SET_ELEM_LIST_TABLE.rawValue, "berth"), text(NFTA_SET_ELEM_LIST_SET.rawValue, "fwd_any4")])
    private static let added = message(NFT_MSG_NEWTABLE, [text(NFTA_TABLE_NAME.rawValue, "berth")])

    private static func read(_ messages: [NetlinkReply]) -> [RuleRemoval] {
        var reader = RemovalReader()
        for message in messages { reader.take(message) }
        return reader.takeAll()
    }

    @Test("what one transaction took is told with its process; what is only added is no removal")
    func grouped() {
        let found = Self.read([
            Self.table, Self.element, Self.element, Self.generation(7), Self.added, Self.generation(8, pid: 9, "nft"),
            Self.rule, Self.generation(9, pid: 10, "iptables-restor"), Self.rule,
        ])
        // A process of that number here has another name.
        #expect(found.map(\.process?.description) == ["pid 812 firewalld", "pid 10 iptables-restor"])
        #expect(
            found.map { $0.objects.map(\.description).sorted() } == [
                ["elements of fwd_any4 of inet berth", "table inet berth"], ["rules of chain POSTROUTING of ip nat"],
            ])
        #expect(found.allSatisfy { $0.time > 1_700_000_000 })
    }

    @Test("where the notification that names the process is lost, nobody is named for it")
    func lost() {
        // Generation 8 is missing: the table may be its work.
        let found = Self.read([
            Self.rule, Self.generation(7), Self.table, Self.generation(9), Self.rule, Self.generation(10),
        ])
        #expect(found.map(\.process?.pid) == [812, nil, 812])
        // After the greatest number comes 1.
        let wrapped = Self.read([Self.rule, Self.generation(0xffff_ffff), Self.rule, Self.generation(1)])
        #expect(wrapped.map(\.process?.pid) == [812, 812])
        // An older kernel tells no process.
        #expect(Self.read([Self.rule, Self.generation(7, pid: nil)]).map(\.process) == [nil])
    }

    @Test("a flood takes no more room than so many transactions, the last ones, and so many objects of each")
    func bounded() {
        var reader = RemovalReader()
        for index in 1...(RemovalReader.mostRemovals + 10) {
            reader.take(Self.rule)
            reader.take(Self.generation(index, pid: index))
        }
        for index in 0...(RemovalReader.mostObjects + 10) {
            reader.take(
                Self.message(
                    NFT_MSG_DELCHAIN,
                    [text("berth"), Self.text(NFTA_CHAIN_NAME.rawValue, "c\(index)")]))
        }
        reader.take(Self.generation(RemovalReader.mostRemovals + 11, pid: 1))
        let found = reader.takeAll()
        #expect(found.count == RemovalReader.mostRemovals && found.first?.process?.pid == 12)
        #expect(found.last?.objects.count == RemovalReader.mostObjects)
        #expect(reader.takeAll().isEmpty, "each is told once")
        func text(_ name: String) -> [UInt8] { Self.text(NFTA_CHAIN_TABLE.rawValue, name) }
    }

    @Test("messages that are cut or of others say nothing")
    func cut() {
        for count in 0..<Self.table.payload.count - 8 {
            let short = Wire.reply(Self.table.type, Array(Self.table.payload.prefix(count)))
            #expect(Self.read([short, Self.generation(7)]).isEmpty, "cut at \(count)")
        }
        let other = Wire.reply(Int(NFNL_SUBSYS_CTNETLINK) << 8 | 2, Array(Self.table.payload))
        #expect(Self.read([other, Self.generation(7)]).isEmpty)
    }

    @Test("the kernel's own: a deletion by nft is told with its number, its name and who started it")
    func real() throws {
        try PrivateHost.run { host in
            try host.must("nft add table inet mine")
            try host.must("nft add chain inet mine forward")
            var watch = try ChangeWatch(lockFile: "/run/xtables.lock")
            // sh stays, as nft is not its last command.
            let script = "nft delete table inet mine & echo $! $$; wait; true"
            let said = try host.run(["sh", "-c", script]).text.split(whereSeparator: { $0 == " " || $0 == "\n" })
            host.expect(try watch.wait(milliseconds: 2000), "nothing woke it")
            try watch.settle(quiet: 50, atMost: 500)
            let found = watch.takeRemovals()
            host.expect(found.count, is: 1, "removals: \(found)")
            let process = found.first?.process
            host.expect("\(process?.pid ?? 0) \(process?.name ?? "")", is: "\(said.first ?? "") nft", "the process")
            host.expect(
                found.first?.objects.contains(.init(.table, "inet", "mine")) == true, "the table: \(found)")
            // It has ended by now or not: then its parent is the shell.
            if let parent = process?.parent {
                host.expect("\(parent.pid) \(parent.name)", is: "\(said.dropFirst().first ?? "") sh", "its parent")
            }
            host.expect(watch.takeRemovals(), is: [], "told once")
        }
    }
}
