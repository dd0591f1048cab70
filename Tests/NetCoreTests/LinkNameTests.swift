import NetCore
import TestSupport
import Testing

@Suite("Link names and MAC addresses")
struct LinkNameTests {
    static let names = [
        "eth0", "a", "fifteen-bytes15", "sixteen-bytes-16", "", ".", "..", "...", ".a", "a.b", "eth0.100", "a/b", "a:b",
        "a b",
        "a\tb", "a\nb", "a\u{b}b", "a\u{c}b", "a\rb", "veth%d", "%", "%s", "a%", "a\"b", "a'b", "a$b", "a`b", "a\\b",
        "-a", "ä", "à",
        "eth\u{301}", "日本語網", "日本語網a", "a;b", "a{b", "a@b", "a+b", "a#b", "lo2", "all", "default", "All", "all0",
        "\u{1b}[2J", "a\u{7f}",
    ]

    @Test("P-7 a name is taken exactly when the kernel makes a link of that name", arguments: names)
    func kernelsOpinion(_ name: String) throws {
        let made = try PrivateHost.run { _ -> Bool in
            var socket = try NetlinkSocket(0)
            // The bytes are put by hand: LinkName itself is under test.
            let request = try NetlinkRequest(
                "add bridge", type: 16, flags: 0x600, header: (UInt64(0), UInt64(0))
            ) {
                $0.put(3, name)
                $0.nest(18) { $0.put(1, "bridge") }
            }
            do throws(KernelError) { try socket.perform([request]) } catch { return false }
            do throws(KernelError) { return try socket.link(name).name == name } catch { return false }
        }
        #expect((LinkName(name) != nil) == made)
        #expect((LinkName.fault(in: name) == nil) == made)
    }

    @Test("P-7 the fault is said as the end of a sentence")
    func faults() {
        #expect(LinkName.fault(in: "") == "is empty")
        #expect(LinkName.fault(in: "sixteen-bytes-16") == "is longer than 15 bytes")
        #expect(LinkName.fault(in: "..") == "is . or ..")
        #expect(LinkName.fault(in: "a/b") == "contains a /, a : or white space")
        #expect(LinkName.fault(in: "br%d")?.contains("%") == true)
        #expect(LinkName.fault(in: "a\0b") != nil)
    }

    @Test(
        "a MAC address is six bytes in hexadecimal",
        arguments: [
            ("c2:11:22:33:44:55", "c2:11:22:33:44:55"), ("C2-11-22-33-44-FF", "c2:11:22:33:44:ff"),
            ("00:00:00:00:00:00", "00:00:00:00:00:00"), ("0a:0B:0c:0D:0e:0F", "0a:0b:0c:0d:0e:0f"),
        ])
    func mac(_ text: String, _ printed: String) throws {
        let mac = try #require(MACAddress(text))
        #expect(mac.description == printed)
        #expect(MACAddress(printed) == mac)
        #expect(MACAddress(bytes: mac.bytes) == mac)
    }

    @Test(
        "what is no MAC address reads as none",
        arguments: [
            "", ":", ":::::", "c2:11:22:33:44", "c2:11:22:33:44:55:66", "c2:11:22:33:44:5", "c2:11:22:33:44:555",
            "c2:11:22:33:44:5g",
            "c2:11:22:33:44:+5", "c2:11:22:33:44:-5", " c2:11:22:33:44:55", "c2:11:22:33:44:55\n", "c211.2233.4455",
            "c21122334455",
            "c2:11:22:33:44:5\0", "c2:11:22:33:44:é", "c2:11:22:33:44:５", "c2:\u{301}11:22:33:44:55",
            "c2:11:22:33:44:٥",
        ])
    func noMAC(_ text: String) {
        #expect(MACAddress(text) == nil)
    }

    @Test("a derived MAC address is unicast, locally administered and the same each time")
    func derived() {
        for text in ["", "bridge cni0", "bridge podman1", "日本"] {
            let mac = MACAddress(derivedFrom: Digest.sha256(text))
            #expect(!mac.isMulticast && !mac.isZero && mac.bytes[0] & 2 == 2)
            #expect(mac == MACAddress(derivedFrom: Digest.sha256(text)))
        }
        #expect(MACAddress.zero.isZero && !MACAddress.zero.isMulticast)
        #expect(MACAddress("01:00:5e:00:00:01")?.isMulticast == true)
        for count in [0, 5, 7] { #expect(MACAddress(bytes: [UInt8](repeating: 2, count: count)) == nil) }
    }
}
