import CKernel
import Glibc
import TestSupport
import Testing

@testable import NetCore

@Suite("nftables transactions")
struct NftTransactionTests {
    static let set = NftSet("s", [.ipv4])
    static func element(
        _ number: Int, comment: String? = "portmap 0123456789abcdef-0123456789abcdef net/container/eth0"
    ) -> NftElement {
        NftElement(set, [.address(IPAddress(family: .v4, value: UInt128(0x0a00_0000 + number)))], comment: comment)
    }

    static func makeTable(_ socket: inout NetlinkSocket, with elements: [NftElement] = []) throws(KernelError) {
        var transaction = NftTransaction(table: "t")
        try transaction.addTable()
        try transaction.add(set)
        for element in elements { try transaction.add(element, exclusive: true) }
        try socket.commit(transaction)
    }

    @Test("C-2 a transaction of any size happens whole", arguments: [1, 99, 100, 101, 1000, 10_000])
    func sizes(_ count: Int) throws {
        let (listed, left) = try PrivateHost.run { _ in
            var socket = try NetlinkSocket(NETLINK_NETFILTER)
            try NftTransactionTests.makeTable(&socket)
            var add = NftTransaction(table: "t")
            for number in 0..<count { try add.add(NftTransactionTests.element(number), exclusive: true) }
            try socket.commit(add)
            let listed = try socket.elements(ofSet: "s", table: "t")
            var delete = NftTransaction(table: "t")
            for element in listed { try delete.delete(element.identity) }
            guard delete.deletes, !add.deletes else { return (listed.count, -1) }
            try socket.commit(delete)
            return (Set(listed.map(\.identity)).count, try socket.elements(ofSet: "s", table: "t").count)
        }
        #expect(listed == count)
        #expect(left == 0)
    }

    @Test(
        "C-2 a transaction that fails anywhere changes nothing, and its error names the very element",
        arguments: [(1, 0), (1000, 0), (1000, 499), (1000, 999), (10_000, 5050), (10_000, 9999)])
    func failing(_ count: Int, _ at: Int) throws {
        let (error, after) = try PrivateHost.run { _ -> (KernelError?, [NftElementFound]) in
            var socket = try NetlinkSocket(NETLINK_NETFILTER)
            try NftTransactionTests.makeTable(
                &socket, with: [NftTransactionTests.element(at, comment: "the first holder")])
            var add = NftTransaction(table: "t")
            for number in 0..<count { try add.add(NftTransactionTests.element(number), exclusive: true) }
            var failure: KernelError?
            do throws(KernelError) { try socket.commit(add) } catch { failure = error }
            return (failure, try socket.elements(ofSet: "s", table: "t"))
        }
        #expect(error?.errno == .alreadyExists)
        #expect(after.map(\.comment) == ["the first holder"])
        let address = IPAddress(family: .v4, value: UInt128(0x0a00_0000 + at))
        #expect(error?.operation.contains("{ \(address) ") == true, "\(error?.description ?? "no error")")
    }

    @Test("a transaction of which the kernel refuses ten thousand changes is told by the first of them")
    func tenThousandRefusals() throws {
        let error = try PrivateHost.run { _ -> KernelError? in
            var socket = try NetlinkSocket(NETLINK_NETFILTER)
            try NftTransactionTests.makeTable(&socket)
            var change = NftTransaction(table: "t")
            for number in 0..<10_000 { try change.delete(NftTransactionTests.element(number).identity) }
            do throws(KernelError) { try socket.commit(change) } catch {
                // The socket is as good as before: nothing of the flood is left in it.
                _ = try socket.elements(ofSet: "s", table: "t")
                return error
            }
            return nil
        }
        #expect(error?.errno == .noSuchFile, "\(error?.description ?? "no error")")
        #expect(error?.operation == "delete element 0a000000 of s")
    }

    @Test("a set that the kernel is growing or shrinking lists each element once, none missing")
    func listingWhileResizing() throws {
        let wrong = try PrivateHost.run { _ -> [String] in
            var socket = try NetlinkSocket(NETLINK_NETFILTER)
            try NftTransactionTests.makeTable(&socket)
            var wrong: [String] = []
            var standing: [NftElementKey] = []
            for round in 0..<40 {
                // Growth by much in one transaction: the kernel resizes its table in the background, several times.
                var add = NftTransaction(table: "t")
                for number in 0..<2000 {
                    try add.add(NftTransactionTests.element(round * 2000 + number), exclusive: true)
                    standing.append(NftTransactionTests.element(round * 2000 + number).identity)
                }
                try socket.commit(add)
                for _ in 0..<3 {
                    let listed = try socket.elements(ofSet: "s", table: "t").map(\.identity)
                    if listed.count != standing.count || Set(listed) != Set(standing) {
                        let distinct = Set(listed).count
                        wrong.append("\(standing.count) stand, \(listed.count) listed, \(distinct) of them distinct")
                    }
                }
                if standing.count > 8000 {
                    var delete = NftTransaction(table: "t")
                    for key in standing { try delete.delete(key) }
                    try socket.commit(delete)
                    standing = []
                }
            }
            return wrong
        }
        #expect(wrong.isEmpty)
    }

    @Test("a deletion of what is not there fails with ENOENT and takes the additions beside it back")
    func failingDelete() throws {
        let (error, after) = try PrivateHost.run { _ -> (KernelError?, Int) in
            var socket = try NetlinkSocket(NETLINK_NETFILTER)
            try NftTransactionTests.makeTable(&socket)
            var change = NftTransaction(table: "t")
            try change.add(NftTransactionTests.element(1), exclusive: true)
            try change.delete(NftTransactionTests.element(2).identity)
            try change.add(NftTransactionTests.element(3), exclusive: true)
            var failure: KernelError?
            do throws(KernelError) { try socket.commit(change) } catch { failure = error }
            return (failure, try socket.elements(ofSet: "s", table: "t").count)
        }
        #expect(error?.errno == .noSuchFile)
        #expect(error?.operation == "delete element 0a000002 of s")
        #expect(after == 0)
    }

    @Test(
        "without exclusive an element that stands is no failure; what is deleted and added in one transaction is replaced"
    )
    func replacing() throws {
        let (first, second) = try PrivateHost.run { _ in
            var socket = try NetlinkSocket(NETLINK_NETFILTER)
            try NftTransactionTests.makeTable(&socket, with: [NftTransactionTests.element(1, comment: "old")])
            var again = NftTransaction(table: "t")
            try again.add(NftTransactionTests.element(1, comment: "new"), exclusive: false)
            try socket.commit(again)
            let first = try socket.elements(ofSet: "s", table: "t").map(\.comment)
            var replace = NftTransaction(table: "t")
            try replace.delete(NftTransactionTests.element(1).identity)
            try replace.add(NftTransactionTests.element(1, comment: "new"), exclusive: false)
            try socket.commit(replace)
            return (first, try socket.elements(ofSet: "s", table: "t").map(\.comment))
        }
        #expect(first == ["old"])
        #expect(second == ["new"])
    }

    @Test("a second table of the same name fails with EEXIST, and the rules of the first stand once")
    func tableTwice() throws {
        let (error, rules) = try PrivateHost.run { _ -> (KernelError?, Int) in
            var socket = try NetlinkSocket(NETLINK_NETFILTER)
            func attempt() throws(KernelError) {
                var transaction = NftTransaction(table: "t")
                try transaction.addTable()
                try transaction.add(NftChain("c", .forward("filter", 0), rules: []))
                try transaction.addRules([NftRule(.accept)], to: "c")
                try socket.commit(transaction)
            }
            try attempt()
            var failure: KernelError?
            do throws(KernelError) { try attempt() } catch { failure = error }
            return (failure, try socket.ruleComments(ofChain: "c", table: "t").count)
        }
        #expect(error?.errno == .alreadyExists)
        #expect(error?.operation == "add table inet t")
        #expect(rules == 1)
    }

    @Test("a rule that jumps nowhere is named by its own text")
    func badRule() throws {
        let error = try PrivateHost.run { _ -> KernelError? in
            var socket = try NetlinkSocket(NETLINK_NETFILTER)
            var transaction = NftTransaction(table: "t")
            try transaction.addTable()
            try transaction.add(NftChain("c", rules: []))
            try transaction.addRules([NftRule(.accept), NftRule(.incoming("eth0"), .jump("nowhere"))], to: "c")
            do throws(KernelError) { try socket.commit(transaction) } catch { return error }
            return nil
        }
        #expect(error?.operation == "add rule to chain c: iifname \"eth0\" jump nowhere")
    }

    @Test("an empty transaction asks the kernel nothing")
    func empty() throws {
        try PrivateHost.run { _ in
            var socket = try NetlinkSocket(NETLINK_NETFILTER)
            let transaction = NftTransaction(table: "t")
            guard transaction.isEmpty else { throw HostRefused("not empty") }
            try socket.commit(transaction)
        }
    }
}
