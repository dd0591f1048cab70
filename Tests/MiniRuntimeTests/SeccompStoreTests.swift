import Glibc
import JSON
import NetCore
import TestSupport
import Testing

@testable import MiniRuntime

@Suite("Seccomp filters that were made before")
struct SeccompStoreTests {
    private func profile(_ name: String, _ action: String = "SCMP_ACT_ERRNO") throws -> SeccompSpec {
        let rule: JSON = ["names": [.string(name)], "action": .string(action), "errnoRet": 5]
        return try SeccompSpec(Fields(["defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]]))
    }

    private func withTemporaryDirectory(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/berth-seccomp-XXXXXX".utf8CString)
        let path = try #require(mkdtemp(&template)).withMemoryRebound(to: CChar.self, capacity: 1) {
            String(cString: $0)
        }
        let made = "\(path)/seccomp:made"
        defer {
            for name in (try? Files.names(in: made)) ?? [] { unlink("\(made)/\(name)") }
            rmdir(made)
            rmdir(path)
        }
        try body(path)
    }

    private func made(_ store: SeccompStore, _ name: String, _ action: String = "SCMP_ACT_ERRNO") throws -> [UInt8] {
        try store.program(for: try profile(name, action)).instructions
    }

    private func files(_ root: String) throws -> [String] { try Files.names(in: "\(root)/seccomp:made") }

    @Test("A profile is made once, and found again as it was; another one has a file of its own")
    func found() throws {
        try withTemporaryDirectory { root in
            let store = SeccompStore(root: root)
            let first = try made(store, "mkdir")
            #expect(first.count > 8 && first.count % 8 == 0)
            let names = try files(root)
            #expect(names.count == 1)
            #expect(try made(store, "mkdir") == first)
            let again = try files(root)
            #expect(again == names)
            #expect(try made(store, "rmdir") != first)
            #expect(try made(store, "mkdir", "SCMP_ACT_KILL") != first)
            let all = try files(root)
            #expect(all.count == 3)
        }
    }

    @Test("What a stored filter says is used, and only where it is whole and nobody else's to write")
    func judged() throws {
        try withTemporaryDirectory { root in
            let store = SeccompStore(root: root)
            let right = try made(store, "mkdir")
            let other = try made(store, "rmdir")
            let names = try files(root).map { "\(root)/seccomp:made/\($0)" }
            let bytes = try names.map { try Files.read($0) }
            let mine = try #require(bytes[0].suffix(right.count) == right[...] ? 0 : 1)
            // Whole, of another profile: it is what the store says, so the file was read.
            try Files.replace(names[mine], with: bytes[1 - mine])
            #expect(try made(store, "mkdir") == other)
            // Others may write it, it is cut, a bit has turned: made anew.
            chmod(names[mine], 0o622)
            #expect(try made(store, "mkdir") == right)
            try Files.replace(names[mine], with: Array(bytes[mine].dropLast(8)))
            #expect(try made(store, "mkdir") == right)
            var turned = bytes[mine]
            turned[turned.count - 1] ^= 1
            try Files.replace(names[mine], with: turned)
            #expect(try made(store, "mkdir") == right)
            let kept = try Files.read(names[mine])
            #expect(kept == bytes[mine])
        }
    }

    @Test("A root that does not exist is not made for it")
    func noRoot() throws {
        try withTemporaryDirectory { root in
            #expect(try made(SeccompStore(root: "\(root)/none"), "mkdir").count > 8)
            let left = try Files.names(in: root)
            #expect(left.isEmpty)
        }
    }
}
