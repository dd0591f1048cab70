import CContainer
import CSeccomp
import Glibc
import NetCore

/// A filter of system calls as the kernel takes it (man 2 seccomp): instructions of 8 bytes.
struct SeccompProgram {
    /// SECCOMP_FILTER_FLAG_…
    let flags: UInt32
    let instructions: [UInt8]

    /// It holds from now on for this process, which has one thread.
    func load() throws(KernelError) {
        try check("load the seccomp filter") { berth_seccomp_load(flags, instructions, instructions.count / 8) }
    }
}

/// Filters that were made before, as files of a folder beside the containers' own. libseccomp takes milliseconds to make one of Docker's
/// size, more than all else of a start.
struct SeccompStore {
    private let folder: String
    /// More profiles than a host has; what is over is forgotten, all at once.
    private static let room = 64
    private static let mark = Array("berth seccomp 1\n".utf8)

    /// A colon is in no container's id.
    init(root: String) { folder = "\(root)/seccomp:made" }

    /// The kernel's form of a profile. Throws what libseccomp refuses; a store that cannot be read or written only costs time.
    func program(for spec: SeccompSpec) throws(OCIError) -> SeccompProgram {
        let name = "\(folder)/\(SeccompStore.name(spec))"
        if let found = read(name) { return SeccompProgram(flags: spec.kernelFlags, instructions: found) }
        let made = try SeccompFilter(spec).instructions()
        do throws(KernelError) { try keep(made, name) } catch {}
        return SeccompProgram(flags: spec.kernelFlags, instructions: made)
    }

    /// Nil for one that is not there, not ours, or not as it was written.
    private func read(_ name: String) -> [UInt8]? {
        do throws(KernelError) {
            let file = try OwnedDescriptor(open: name, O_RDONLY | O_NOFOLLOW)
            var found = stat()
            guard fstat(file.number, &found) == 0, found.st_mode & S_IFMT == S_IFREG, found.st_uid == geteuid(),
                found.st_mode & 0o022 == 0
            else { return nil }
            let bytes = try Files.read(file.number, limit: 1 << 20, operation: "read \(name)")
            let start = SeccompStore.mark.count + 32
            guard bytes.count > start, (bytes.count - start) % 8 == 0, bytes.starts(with: SeccompStore.mark) else {
                return nil
            }
            let program = Array(bytes[start...])
            return Digest.sha256(program) == Array(bytes[SeccompStore.mark.count..<start]) ? program : nil
        } catch {
            return nil
        }
    }

    private func keep(_ program: [UInt8], _ name: String) throws(KernelError) {
        // Not the root itself: nothing is made for a wish that is refused.
        if mkdir(folder, 0o700) != 0, errno != EEXIST { return }
        let others = try Files.names(in: folder)
        if others.count >= SeccompStore.room {
            for other in others { unlink("\(folder)/\(other)") }
        }
        try Files.replace(name, with: SeccompStore.mark + Digest.sha256(program) + program)
    }

    /// Says all that the instructions depend on.
    private static func name(_ spec: SeccompSpec) -> String {
        var text: [UInt8] = []
        func add(_ number: UInt64) { withUnsafeBytes(of: number.littleEndian) { text.append(contentsOf: $0) } }
        func add(_ word: String) {
            add(UInt64(word.utf8.count))
            text.append(contentsOf: word.utf8)
        }
        let library = seccomp_version().pointee
        for number in [library.major, library.minor, library.micro, seccomp_arch_native()] { add(UInt64(number)) }
        add(UInt64(spec.defaultAction))
        add(UInt64(spec.architectures.count))
        for one in spec.architectures { add(UInt64(one)) }
        for rule in spec.rules {
            add(UInt64(rule.names.count))
            for name in rule.names { add(name) }
            add(UInt64(rule.action))
            add(UInt64(rule.conditions.count))
            for one in rule.conditions {
                add(UInt64(one.index) << 32 | UInt64(one.comparison))
                add(one.value)
                add(one.valueTwo)
            }
        }
        return hex(Digest.sha256(text), digits: 64)
    }
}

extension SeccompSpec {
    /// The kernel's numbers of `flags` (linux/seccomp.h).
    var kernelFlags: UInt32 {
        let numbers: [String: UInt32] = [
            "SECCOMP_FILTER_FLAG_TSYNC": 1, "SECCOMP_FILTER_FLAG_LOG": 2, "SECCOMP_FILTER_FLAG_SPEC_ALLOW": 4,
        ]
        return flags.reduce(0) { $0 | (numbers[$1] ?? 0) }
    }
}
