import Glibc
import JSON
import NetCore
import Testing

@testable import CNI

@Suite struct RuntimeCacheTests {
    private func cached(
        _ runtime: Runtime, network: String = "net", containerID: String = "box", owner: String? = "test"
    ) throws -> CachedAttachment {
        CachedAttachment(
            network: network,
            parameters: try AttachmentParameters(
                containerID: containerID, netns: "/run/netns/box", interface: LinkName("eth0")!,
                arguments: CNIArguments("A=1;B=x=y"), capabilities: ["mac": "c2:11:22:33:44:55"]),
            configuration: Array(#"{"name":"\#(network)","plugins":[{"type":"first"}]}"#.utf8),
            result: ["cniVersion": "1.0.0", "ips": [["address": "10.0.0.2/24"]]], owner: owner)
    }

    private func mode(_ path: String) -> UInt32 {
        var found = stat()
        return stat(path, &found) == 0 ? found.st_mode & 0o7777 : 0
    }

    @Test("R-10 the file has libcni's name, keys and order, for its owner alone")
    func format() throws {
        let runtime = Runtime()
        try runtime.cache.write(cached(runtime))
        let path = runtime.cachePath("net-box-eth0")
        #expect(
            try runtime.place.read("cache/results/net-box-eth0")
                == #"{"kind":"cniCacheV1","containerId":"box","config":"eyJuYW1lIjoibmV0IiwicGx1Z2lucyI6W3sidHlwZSI6ImZpcnN0In1dfQ==","#
                + #""ifName":"eth0","networkName":"net","netns":"/run/netns/box","cniArgs":[["A","1"],["B","x=y"]],"#
                + #""capabilityArgs":{"mac":"c2:11:22:33:44:55"},"result":{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/24"}]},"#
                + #""owner":"test"}"#)
        #expect(mode(path) == 0o600)
        #expect(mode(runtime.place["cache/results"]) == 0o700)
        #expect(try Files.names(in: runtime.place["cache"]) == ["results"])
        #expect(try Files.names(in: runtime.place["cache/results"]) == ["net-box-eth0"])
    }

    @Test("R-10 what was written is read back, and gone once it is removed")
    func roundTrip() throws {
        let runtime = Runtime()
        let cached = try cached(runtime)
        #expect(runtime.cache.entry(cached.attachment) == .absent)
        try runtime.cache.write(cached)
        #expect(runtime.cache.entry(cached.attachment) == .attachment(cached))
        try runtime.cache.remove(cached.attachment)
        #expect(runtime.cache.entry(cached.attachment) == .absent)
        try runtime.cache.remove(cached.attachment)
    }

    @Test("R-10 a file that libcni wrote is read, with Go's keys left out when they are empty")
    func libcniFile() throws {
        let runtime = Runtime()
        try runtime.place.write(
            "cache/results/net-box-eth0",
            #"{"kind":"cniCacheV1","containerId":"box","config":"e30=","ifName":"eth0","networkName":"net","result":{"ips":[]}}"#
        )
        let attachment = try cached(runtime).attachment
        guard case .attachment(let read) = runtime.cache.entry(attachment) else {
            Issue.record("\(runtime.cache.entry(attachment))")
            return
        }
        #expect(read.owner == nil && read.parameters.netns == nil && read.configuration == Array("{}".utf8))
        #expect(read.result == ["ips": []])
    }

    @Test("R-10 where libcni wrote no namespace, the result tells it")
    func namespaceOfResult() throws {
        let runtime = Runtime()
        try runtime.place.write(
            "cache/results/net-box-eth0",
            #"{"kind":"cniCacheV1","containerId":"box","config":"e30=","ifName":"eth0","networkName":"net","result":{"interfaces":["#
                + #"{"name":"br0"},{"name":"eth0"},{"name":"eth1","sandbox":"/run/netns/no"},"#
                + #"{"name":"eth0","sandbox":"/proc/7/ns/net"}]}}"#)
        guard case .attachment(let read) = runtime.cache.entry(try cached(runtime).attachment) else {
            Issue.record("not read")
            return
        }
        #expect(read.parameters.netns == "/proc/7/ns/net")
    }

    @Test("R-10 a bare result, as old libcni wrote it, is read")
    func legacy() throws {
        let runtime = Runtime()
        try runtime.place.write("cache/results/net-box-eth0", #"{"cniVersion":"0.4.0","ips":[]}"#)
        #expect(runtime.cache.entry(try cached(runtime).attachment) == .legacy(["cniVersion": "0.4.0", "ips": []]))
    }

    @Test("R-10 two attachments whose names run together do not take each other's file")
    func ambiguousNames() throws {
        let runtime = Runtime()
        let one = try cached(runtime, network: "a-b", containerID: "c")
        let other = try cached(runtime, network: "a", containerID: "b-c")
        try runtime.cache.write(one)
        #expect(runtime.cache.entry(other.attachment) == .absent)
        try runtime.cache.write(other)
        #expect(runtime.cache.entry(one.attachment) == .attachment(one))
        #expect(runtime.cache.entry(other.attachment) == .attachment(other))
        #expect(try runtime.cache.attachments(of: "a").attachments == [other])
        #expect(try runtime.cache.attachments(of: "a-b").attachments == [one])
        try runtime.cache.remove(other.attachment)
        #expect(runtime.cache.entry(one.attachment) == .attachment(one))
        #expect(runtime.cache.entry(other.attachment) == .absent)
        try runtime.cache.write(other)
        try runtime.cache.remove(one.attachment)
        #expect(runtime.cache.entry(other.attachment) == .attachment(other))
    }

    @Test(
        "R-10 a file that cannot be used is told as broken, never as absent",
        arguments: [
            "", "{", "[]", "{}", #"{"kind":"cniCacheV9"}"#, #"{"kind":"cniCacheV1"}"#,
            #"{"kind":"cniCacheV1","containerId":"box","config":"e30","ifName":"eth0","networkName":"net"}"#,
            #"{"kind":"cniCacheV1","containerId":"b/x","config":"e30=","ifName":"eth0","networkName":"net"}"#,
            #"{"kind":"cniCacheV1","containerId":"box","config":"e30=","ifName":"a/b","networkName":"net"}"#,
            #"{"kind":"cniCacheV1","containerId":"box","config":"e30=","ifName":"eth0","networkName":"net","cniArgs":[["A"]]}"#,
        ])
    func broken(text: String) throws {
        let runtime = Runtime()
        try runtime.place.write("cache/results/net-box-eth0", text)
        guard case .broken(let why) = runtime.cache.entry(try cached(runtime).attachment) else {
            Issue.record("\(text) was taken")
            return
        }
        #expect(why.contains("net-box-eth0"))
        #expect(try runtime.cache.attachments(of: "net").broken == [why])
    }

    @Test("R-10 every cut of a file is broken or absent, and the next write mends it")
    func everyCut() throws {
        let runtime = Runtime()
        let cached = try cached(runtime)
        let whole = cached.json.bytes
        for length in 0..<whole.count {
            try runtime.place.write("cache/results/net-box-eth0", String(decoding: whole[..<length], as: UTF8.self))
            guard case .broken = runtime.cache.entry(cached.attachment) else {
                Issue.record("cut at \(length) was taken")
                return
            }
        }
        try runtime.cache.write(cached)
        #expect(runtime.cache.entry(cached.attachment) == .attachment(cached))
    }

    @Test("R-10 a half-written file of a killed ADD is no attachment, and DEL takes it away")
    func killedWriter() throws {
        let runtime = Runtime()
        let cached = try cached(runtime)
        try runtime.place.write("cache/.result-\(cached.attachment.tag)", #"{"kind":"cniCacheV1","#)
        #expect(runtime.cache.entry(cached.attachment) == .absent)
        #expect(try runtime.cache.attachments(of: "net").attachments.isEmpty)
        try runtime.runner.del(network: "net", runtime.list(), cached.parameters)
        #expect(try Files.names(in: runtime.place["cache"]).isEmpty)
    }

    @Test("R-10 a write that cannot be finished leaves what was there and no other file")
    func failedWrite() throws {
        let runtime = Runtime()
        var cached = try cached(runtime)
        // A directory with something in it stands where the file should be: rename(2) fails.
        try runtime.place.write("cache/results/net-box-eth0/keep", "x")
        #expect(throws: KernelError.self) { try runtime.cache.write(cached) }
        #expect(try Files.names(in: runtime.place["cache"]) == ["results"])
        unlink(runtime.cachePath("net-box-eth0/keep"))
        rmdir(runtime.cachePath("net-box-eth0"))
        try runtime.cache.write(cached)
        cached.pendingDelete = "because"
        try runtime.cache.write(cached)
        #expect(runtime.cache.entry(cached.attachment) == .attachment(cached))
    }

    @Test(
        "R-10 base64 is RFC 4648's, test vectors and both ways",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func base64(plain: String, coded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == coded)
        #expect(Base64.decode(coded) == Array(plain.utf8))
    }

    @Test("R-10 base64 keeps every byte at every length")
    func base64Bytes() {
        let bytes = (0..<768).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }
        for length in 0...bytes.count {
            let part = Array(bytes[..<length])
            #expect(Base64.decode(Base64.encode(part)) == part)
        }
        #expect(Base64.encode([0xfb, 0xff, 0xbf]) == "+/+/")
    }

    @Test(
        "R-10 what is no base64 is refused",
        arguments: [
            "Z", "Zg", "Zg=", "Zg===", "=Zg=", "Zg==Zg==", "Zm8=Zm8=", "Zh==", "Zm9=", "Zm9v\n", "Zm 9", "Zm-_", "====",
            "Zmé=",
        ])
    func notBase64(text: String) {
        #expect(Base64.decode(text) == nil)
    }
}
