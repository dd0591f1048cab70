import NetCore
import TestSupport
import Testing

/// cni.md C-1: what a tag in the kernel says, and what fits into it.
@Suite("Owner tags")
struct OwnerTests {
    static let eth0 = LinkName("eth0")!

    static func owner(_ network: String, _ id: String, _ interface: String = "eth0", plugin: String = "bridge") -> Owner
    {
        Owner(
            plugin: plugin, attachment: Attachment(network: network, containerID: id, interface: LinkName(interface)!))
    }

    @Test("C-1 the digests are those that sha256sum prints")
    func digests() {
        // printf podman | sha256sum; printf 'c1\0eth0' | sha256sum; printf 'podman\0c1\0eth0' | sha256sum
        let owner = OwnerTests.owner("podman", "c1")
        let found = OwnerTests.sha256sums(["podman", "c1\\0eth0", "podman\\0c1\\0eth0"])
        #expect(owner.attachment.tag.prefix(16) == found[0].prefix(16))
        #expect(owner.attachment.tag.suffix(16) == found[1].prefix(16))
        #expect(owner.attachment.hostInterface.description == "veth" + found[2].prefix(11))
        #expect(owner.attachment.tag == "\(found[0].prefix(16))-\(found[1].prefix(16))")
        #expect(owner.comment == "bridge \(owner.attachment.tag) podman/c1/eth0")
        #expect(owner.alias == "berth:bridge/podman/c1/eth0")
        #expect(owner.description == "bridge of podman/c1/eth0")
    }

    private static func sha256sums(_ texts: [String]) -> [String] {
        let lines = texts.map { "printf '\($0)' | sha256sum" }.joined(separator: "; ")
        do throws(KernelError) {
            let child = try RunningChild(["sh", "-c", lines], environment: ["PATH": "/usr/bin:/bin"])
            return child.wait().text.split(separator: "\n").map(String.init)
        } catch {
            return []
        }
    }

    @Test("C-1 equal parts that are cut elsewhere give other tags")
    func boundaries() {
        let interface = { (name: String) in LinkName(name)! }
        let pairs = [
            (
                Attachment(network: "a", containerID: "bc", interface: interface("d")),
                Attachment(network: "ab", containerID: "c", interface: interface("d"))
            ),
            (
                Attachment(network: "a", containerID: "b", interface: interface("cd")),
                Attachment(network: "a", containerID: "bc", interface: interface("d"))
            ),
        ]
        for (left, right) in pairs {
            #expect(left.tag != right.tag)
            #expect(left.hostInterface != right.hostInterface)
        }
    }

    @Test(
        "C-1b an alias has at most 255 bytes; beyond, the digests stand for the names",
        arguments: [190, 227, 228, 229, 230, 231, 300, 4000])
    func alias(_ length: Int) {
        let owner = OwnerTests.owner("podman", String(repeating: "x", count: length))
        let readable = "berth:bridge/podman/\(owner.attachment.containerID)/eth0"
        #expect(owner.alias.utf8.count <= 255)
        #expect(owner.alias == (readable.utf8.count <= 255 ? readable : "berth:bridge/\(owner.attachment.tag)"))
    }

    @Test("C-1b the kernel keeps the longest alias to the byte, and tells it", arguments: [227, 231])
    func kernelKeepsAlias(_ length: Int) throws {
        let owner = OwnerTests.owner("podman", String(repeating: "x", count: length))
        let seen = try PrivateHost.run { _ in
            var socket = try NetlinkSocket(0)
            var changes = LinkRequest.Changes()
            changes.alias = owner.alias
            try socket.perform([try LinkRequest.set("lo", changes, "tag lo")])
            return try socket.link("lo").alias
        }
        #expect(seen == owner.alias)
    }

    @Test("C-1b a comment has at most 127 bytes and keeps the tag whole", arguments: [1, 70, 71, 72, 73, 74, 75, 200])
    func comment(_ length: Int) {
        let owner = OwnerTests.owner("podman", String(repeating: "x", count: length))
        let whole = "bridge \(owner.attachment.tag) podman/\(owner.attachment.containerID)/eth0"
        #expect(owner.comment.utf8.count <= 127)
        #expect(whole.hasPrefix(owner.comment))
        #expect(owner.comment == whole || owner.comment.utf8.count == 127)
        #expect(owner.comment.hasPrefix(owner.commentPrefix))
    }

    @Test("C-1b a comment is never cut inside a character", arguments: 60..<90)
    func multiByteComment(_ length: Int) {
        // An interface's name may hold any bytes but a few; the id before it shifts the cut byte by byte.
        let owner = OwnerTests.owner("podman", String(repeating: "x", count: length), "日本語網é")
        let text = owner.comment
        #expect(text.utf8.count <= 127)
        #expect(text.utf8.count >= 125 || text.hasSuffix("日本語網é"))
        #expect(!text.unicodeScalars.contains("\u{fffd}"))
        #expect(text == owner.comment, "the same each time")
        #expect(text.hasPrefix(owner.commentPrefix))
    }

    @Test("C-1 a quotation mark in a name does not end the comment in nft's text")
    func quotationMark() {
        let owner = OwnerTests.owner("podman", "c1", "a\"b")
        #expect(!owner.comment.contains("\""))
        #expect(owner.comment.hasPrefix(owner.commentPrefix))
    }

    @Test("C-1 owners of other plugins, networks, containers and interfaces have other comment prefixes")
    func prefixes() {
        let owners = [
            OwnerTests.owner("n", "c"), OwnerTests.owner("n", "c", plugin: "portmap"), OwnerTests.owner("m", "c"),
            OwnerTests.owner("n", "d"), OwnerTests.owner("n", "c", "eth1"),
        ]
        for (index, one) in owners.enumerated() {
            for other in owners[(index + 1)...] {
                #expect(!one.comment.hasPrefix(other.commentPrefix) && !other.comment.hasPrefix(one.commentPrefix))
                #expect(one.alias != other.alias)
            }
        }
    }

    @Test("hex digits are cut where asked, and never made up")
    func hexDigits() {
        #expect(hex([0x00, 0xff, 0x1a], digits: 5) == "00ff1")
        #expect(hex([0x00, 0xff, 0x1a], digits: 99) == "00ff1a")
        #expect(hex([], digits: 4) == "")
        // FIPS 180-4, the digest of no bytes.
        #expect(
            hex(Digest.sha256([]), digits: 64) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }
}
