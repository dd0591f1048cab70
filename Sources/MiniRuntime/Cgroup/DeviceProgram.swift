import CContainer
import Glibc
import NetCore

/// The eBPF program that says, in a v2 group, which use of a device node is allowed (`struct bpf_cgroup_dev_ctx`).
///
/// The rules are tried from the last to the first, each bit of the access on its own: a forbidding rule that names a bit still
/// open ends it with no, an allowing one closes its bits, and none open is yes. What no rule closes is forbidden.
struct DeviceProgram: Equatable {
    private(set) var instructions: [UInt64] = []

    // Registers: r1 the question, r2 kind, r3 what of the access is still open, r4 major, r5 minor, r0 the answer.
    init(_ rules: [DeviceRule]) {
        load(2, 0)
        emit(0xbc, 3, 2, 0, 0)  // w3 = w2
        emit(0x54, 2, 0, 0, 0xffff)  // w2 &= 0xffff
        emit(0x74, 3, 0, 0, 16)  // w3 >>= 16
        load(4, 4)
        load(5, 8)
        for rule in rules.reversed() {
            append(rule)
            // Whatever stands before it never counts.
            if rule.isEverything { break }
        }
        answer(0)
    }

    private mutating func append(_ rule: DeviceRule) {
        var tests: [(register: UInt8, value: Int32)] = []
        switch rule.kind {
        case .all: break
        case .block: tests.append((2, 1))
        case .character: tests.append((2, 2))
        }
        if let major = rule.major { tests.append((4, Int32(truncatingIfNeeded: major))) }
        if let minor = rule.minor { tests.append((5, Int32(truncatingIfNeeded: minor))) }
        let verdict = rule.isAllowed ? 4 : 5
        for (index, test) in tests.enumerated() {
            // if wN != value: over the tests after this one and the verdict
            emit(0x56, test.register, 0, Int16(tests.count - index - 1 + verdict), test.value)
        }
        if rule.isAllowed {
            emit(0x54, 3, 0, 0, ~rule.access.rawValue)  // w3 &= ~access
            emit(0x56, 3, 0, 2, 0)  // if w3 != 0: go on
            answer(1)
        } else {
            emit(0xbc, 0, 3, 0, 0)  // w0 = w3
            emit(0x54, 0, 0, 0, rule.access.rawValue)  // w0 &= access
            emit(0x16, 0, 0, 2, 0)  // if w0 == 0: go on
            answer(0)
        }
    }

    /// wN = the question's word at an offset.
    private mutating func load(_ register: UInt8, _ offset: Int16) { emit(0x61, register, 1, offset, 0) }

    private mutating func answer(_ value: Int32) {
        emit(0xb4, 0, 0, 0, value)
        emit(0x95, 0, 0, 0, 0)
    }

    /// `struct bpf_insn`, little endian as every machine that this runs on: code, registers, offset, constant.
    private mutating func emit(_ code: UInt8, _ to: UInt8, _ from: UInt8, _ offset: Int16, _ constant: Int32) {
        instructions.append(
            UInt64(code) | UInt64(to | from << 4) << 8 | UInt64(UInt16(bitPattern: offset)) << 16
                | UInt64(UInt32(bitPattern: constant)) << 32)
    }

    /// The group obeys the program, and no longer the one before.
    func install(in directory: String) throws(KernelError) {
        let group = try OwnedDescriptor(open: directory, O_RDONLY | O_DIRECTORY)
        var log = [CChar](repeating: 0, count: 4096)
        let result = berth_cgroup_device_program(group.number, instructions, instructions.count, &log, log.count)
        guard result < 0 else { return }
        let code = Errno.current
        let words = String(decoding: log.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        throw KernelError(
            "forbid devices in the control group \(directory)", code,
            code == .notPermitted
                ? "a BPF program needs CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN: run as root"
                : words.isEmpty ? "control groups v2 forbid devices by BPF: the kernel needs CONFIG_CGROUP_BPF" : words)
    }
}
