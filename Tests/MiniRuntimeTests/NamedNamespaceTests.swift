import Glibc
import MiniRuntime
import NetCore
import TestSupport
import Testing

@Suite("A network namespace with a name")
struct NamedNamespaceTests {
    @Test("ip netns sees what is made here, and the other way round")
    func compatibleWithIP() throws {
        let (path, seen, listed, left) = try PrivateHost.run { host in
            let path = try NamedNamespace.add("blue")
            try host.must("ip netns add green")
            let seen = try host.must("ip netns list")
            let listed = try NamedNamespace.list()
            try host.must("ip netns delete blue")
            try NamedNamespace.remove("green")
            return (path, seen, listed, try NamedNamespace.list() + (try Files.names(in: "/run/netns")))
        }
        #expect(path == "/run/netns/blue")
        #expect(Set(seen.split(separator: "\n").map { $0.split(separator: " ")[0] }) == ["blue", "green"])
        #expect(listed == ["blue", "green"])
        #expect(left == [])
    }

    @Test("it is another namespace than the caller's, and the caller stays where it was")
    func callerStays() throws {
        let (before, after, made) = try PrivateHost.run { _ in
            let before = try NetworkNamespace.current().identity()
            let path = try NamedNamespace.add("blue")
            return (before, try NetworkNamespace.current().identity(), try NetworkNamespace(open: path).identity())
        }
        #expect(before == after)
        #expect(before != made)
    }

    @Test("many threads make namespaces at once, and none is moved")
    func manyThreads() throws {
        let identities = try PrivateHost.run { host in
            let home = try NetworkNamespace.current().identity()
            let made = try host.onThreads(16) { _, index in
                let path = try NamedNamespace.add("n\(index)")
                guard try NetworkNamespace.current().identity() == home else {
                    throw HostRefused("thread \(index) was moved")
                }
                return try NetworkNamespace(open: path).identity()
            }
            return made + [home]
        }
        #expect(Set(identities).count == 17)
    }

    @Test(
        "names that could be no file are refused before anything is touched",
        arguments: [
            "", ".", "..", "a/b", "/run/x", String(repeating: "x", count: 256),
        ])
    func badNames(_ name: String) throws {
        let (code, left) = try PrivateHost.run { _ in
            var code: Errno?
            do throws(KernelError) { _ = try NamedNamespace.add(name) } catch { code = error.errno }
            return (code, try Files.names(in: "/run/netns"))
        }
        #expect(code == .invalidArgument)
        #expect(left == [])
    }

    @Test("a name in use is refused with the way out, and its namespace stays")
    func nameInUse() throws {
        let (sentence, same) = try PrivateHost.run { _ in
            let first = try NetworkNamespace(open: try NamedNamespace.add("blue")).identity()
            var sentence = ""
            do throws(KernelError) { _ = try NamedNamespace.add("blue") } catch { sentence = "\(error)" }
            return (sentence, try NetworkNamespace(open: "/run/netns/blue").identity() == first)
        }
        #expect(sentence.contains("EEXIST"))
        #expect(sentence.contains("berth netns rm blue"))
        #expect(same)
    }

    @Test("after a failure half way the name is free")
    func nothingLeft() throws {
        let (failed, left) = try PrivateHost.run { _ in
            // Without /proc the caller's own namespace cannot be told, after the file was made.
            try check("hide /proc from this host") { umount2("/proc", Int32(MNT_DETACH)) }
            var failed = ""
            do throws(KernelError) { _ = try NamedNamespace.add("blue") } catch { failed = "\(error)" }
            return (failed, try Files.names(in: "/run/netns"))
        }
        #expect(failed.contains("/proc/thread-self/ns/net"))
        #expect(left == [])
    }

    @Test("a directory that cannot be made is named")
    func badDirectory() throws {
        let sentence = try PrivateHost.run { _ in
            var sentence = ""
            do throws(KernelError) { _ = try NamedNamespace.add("blue", directory: "/proc/nowhere") } catch {
                sentence = "\(error)"
            }
            return sentence
        }
        #expect(sentence.contains("/proc/nowhere"))
    }

    @Test("removing what is not there names it")
    func removeMissing() throws {
        let sentence = try PrivateHost.run { _ in
            var sentence = ""
            do throws(KernelError) { try NamedNamespace.remove("blue") } catch { sentence = "\(error)" }
            return sentence
        }
        #expect(sentence.contains("/run/netns/blue"))
        #expect(sentence.contains("ENOENT"))
    }

    @Test("a file left by a crash before the mount is no namespace, and can be removed")
    func leftover() throws {
        let (listed, left) = try PrivateHost.run { _ in
            try Files.replace("/run/netns/half", with: [])
            let listed = try NamedNamespace.list()
            try NamedNamespace.remove("half")
            return (listed, try Files.names(in: "/run/netns"))
        }
        #expect(listed == [])
        #expect(left == [])
    }

    @Test("the namespace lives without a process until its name is removed")
    func held() throws {
        let (up, gone) = try PrivateHost.run { host in
            let path = try NamedNamespace.add("blue")
            try host.must("ip -n blue link set lo up")
            let up = try host.must("ip -n blue link show lo").contains(",UP")
            try NamedNamespace.remove("blue")
            return (up, !Files.exists(path))
        }
        #expect(up)
        #expect(gone)
    }
}
