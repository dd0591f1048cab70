#!/bin/bash
# restore of one attachment's port rules among N chains, iptables-nft
gen() { echo "*nat"; for i in $(seq 1 $1); do printf ':CNI-DN-%021d - [0:0]\n-A CNI-DN-%021d -p tcp -m tcp --dport %d -j DNAT --to-destination 10.0.0.1:80\n-A CNI-HOSTPORT-DNAT -p tcp -m multiport --dports %d -j CNI-DN-%021d\n' $i $i $i $i $i; done; echo COMMIT; }
printf '*nat\n:CNI-HOSTPORT-DNAT - [0:0]\nCOMMIT\n' | iptables-nft-restore
for n in 0 1000; do
 [ $n = 0 ] || gen $n | iptables-nft-restore --noflush
 printf '*nat\n:CNI-DN-ffff - [0:0]\n-A CNI-DN-ffff -p tcp -m tcp --dport 7 -j DNAT --to-destination 10.0.0.1:80\n-A CNI-HOSTPORT-DNAT -p tcp -m multiport --dports 7 -j CNI-DN-ffff\nCOMMIT\n' > /run/add
 printf '*nat\n-D CNI-HOSTPORT-DNAT -p tcp -m multiport --dports 7 -j CNI-DN-ffff\n-F CNI-DN-ffff\n-X CNI-DN-ffff\nCOMMIT\n' > /run/del
 python3 - $n <<'P'
import subprocess,time,sys,statistics
a=[];d=[]
for i in range(30):
    for f,l in (('/run/add',a),('/run/del',d)):
        t=time.perf_counter(); subprocess.run(['iptables-nft-restore','--noflush'],stdin=open(f),check=True); l.append((time.perf_counter()-t)*1000)
print(sys.argv[1],'add %.2f del %.2f ms'%(statistics.median(a),statistics.median(d)))
P
done
