import CContainer
import CSeccomp
import Glibc
import NetCore

/// A profile on its way to the kernel's instructions (libseccomp).
struct SeccompFilter: ~Copyable {
    private let context: scmp_filter_ctx

    /// Names that libseccomp does not know are passed over, as runc does: a profile is written for many kernels.
    init(_ spec: SeccompSpec) throws(OCIError) {
        guard let context = seccomp_init(spec.defaultAction) else {
            throw OCIError("make a seccomp filter: libseccomp refuses the default action")
        }
        do throws(OCIError) {
            try SeccompFilter.fill(context, spec)
        } catch {
            seccomp_release(context)
            throw error
        }
        self.context = context
    }

    private static func fill(_ context: scmp_filter_ctx, _ spec: SeccompSpec) throws(OCIError) {
        for token in spec.architectures {
            try done("add an architecture", seccomp_arch_add(context, token), besides: EEXIST)
        }
        for rule in spec.rules where rule.action != spec.defaultAction {
            // Two conditions on one argument are alternatives, as runc and crun read them.
            let isPlain = Set(rule.conditions.map(\.index)).count == rule.conditions.count
            let alternatives = isPlain ? [rule.conditions] : rule.conditions.map { [$0] }
            for name in rule.names {
                let number = seccomp_syscall_resolve_name(name)
                guard number != -1 else { continue }
                for conditions in alternatives { try add(context, rule.action, number, name, conditions) }
            }
        }
    }

    private static func add(
        _ context: scmp_filter_ctx, _ action: UInt32, _ number: Int32, _ name: String,
        _ conditions: [SeccompSpec.Condition]
    ) throws(OCIError) {
        let arguments = conditions.map {
            scmp_arg_cmp(arg: $0.index, op: scmp_compare($0.comparison), datum_a: $0.value, datum_b: $0.valueTwo)
        }
        try done(
            "add a rule for \(name)",
            seccomp_rule_add_array(context, action, number, UInt32(arguments.count), arguments), besides: EEXIST)
    }

    private static func done(_ what: String, _ code: Int32, besides: Int32 = 0) throws(OCIError) {
        guard code < 0, code != -besides else { return }
        throw OCIError(KernelError("seccomp: \(what)", Errno(-code)))
    }

    /// The kernel's form of it. Throws what libseccomp refuses.
    func instructions() throws(OCIError) -> [UInt8] {
        do throws(KernelError) {
            let file = OwnedDescriptor(
                taking: try check("make a file in memory") { berth_memory_file("seccomp") })
            let code = seccomp_export_bpf(context, file.number)
            if code < 0 { throw KernelError("make a seccomp filter", Errno(code == -ECANCELED ? errno : -code)) }
            lseek(file.number, 0, SEEK_SET)
            return try Files.read(file.number, limit: 1 << 20, operation: "read the seccomp filter")
        } catch {
            throw OCIError(error)
        }
    }

    deinit { seccomp_release(context) }
}
