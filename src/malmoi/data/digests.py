"""SHA-256 of what is *in* the files of published data sets: a copy is the same copy gzipped or not.

Every data set has a line with its name, and then lines as sha256sum writes them.
"""

import re
from collections.abc import Mapping


def _parse(written: str) -> Mapping[str, Mapping[str, str]]:
    found: dict[str, dict[str, str]] = {}
    name = ""
    for line in written.split("\n"):
        digest, _, file = line.partition("  ")
        if re.fullmatch("[0-9a-f]{64}", digest):
            found[name][file] = digest
        elif line:
            name = line
            found[name] = {}
    return found


SHA256 = _parse("""
wikitext-2
9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f  train.txt
f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8  valid.txt
d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0  test.txt

tiny-shakespeare
86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed  input.txt

war-and-peace
387abb24183c7a856e1b22227cf76a935149a00fe876d40f407677e7eab25eae  warpeace_input.txt

nsmc
e03b7d14e9e41be8d464a28057cd25d7396c53e67aa7fd5f7e552c59b0ee2940  ratings_train.txt
8ac9f64052f11dbf6ae0acb5e038f03d90a76f0eda7820cfb3a92d02edfcebda  ratings_test.txt

petitions-ko
13f09d466b6a8f5732bf5609f0799701dc397c5740d75275b5977bd9930c4729  petitions_2017-08.jsonl
6db47ca63b0f46731ec22a2043aa55bd2928efd620bf9cc8c52726f7962b2fc0  petitions_2019-04.jsonl
624dadd3d1f8b5ed9065e7b539095990dcb1babe40fb6b9d45f3feb025f8b5a6  petitions_2019-05.jsonl
28886a963d2fabdad0e90ec2d64adf42dc0668389250fb6a4969fad968240282  petitions_2019-06.jsonl
bc15c72d2e0e15ff0b05488127841a110784168149ef17f578622c9103771e12  petitions_2019-07.jsonl
6364e84171bb4ddbc03cf1445d91e19d05bfe568baeceb0a573079092e8a5500  petitions_2019-08.jsonl

3i4k
646f450b84992c6df806ea72aa35374db7ec30d7739920b86dfa878e73b69079  fci_train_val.txt
d74c5b376c7d231bd4d5a94de855e47b6e70c96abeeaaf75cffbdb8506a87ff2  fci_test.txt

clinc150
36923c3705a59e08fe9c3883d8bc2dd966ef93e22cb78ac41171782a698d56e0  data_full.json

banking77
b06e26ac675513959a63135f11b94ea7786ed02da65db93a5650d8838cbc664b  train.csv
d12d6e3bc4c3103966ae786dc435913c0c563dfa328f5a3646d0e62cfeeb474d  test.csv

sib200-ko
22daffa05f1f74ce0580fc6e62ab20c69f29f768832fc975a8211d1cc158d71d  kor_Hang/train.tsv
54db0dcad532455be30dfc02452a49040c4d3425faadf7afc0b6c8ab7a91952c  kor_Hang/dev.tsv
3effe5191e024624b64a05e493f7010e29aec099d279877f2cfced890d3ccb8d  kor_Hang/test.tsv

sib200-en
056c2989673d0724cb27edb0d9ee5c6305b2548c17f9fd8f2092f40c98ac0156  eng_Latn/train.tsv
48fe23ed3c66e6978c6cdeff3f661ab9ea6451001d967e23d94796b009777181  eng_Latn/dev.tsv
fd7012f846f5a8caead1e7419023d64a28351893f3d9c7ebcde4c5481ca5d326  eng_Latn/test.tsv

chatbot-ko
287eb129695b577321c80ad397bb3c2279164d4ca577874d129fd3db5b30afe2  ChatbotData.csv

masc-tagged
45f5da6c3ca11869cb16013ac1117e344e85feef348de50ac129c551198d3c0c  masc_tagged_no_wsj.zip

ud-ko-kaist
6905f7fb0a1ad7cda6dc2fc96b7be442634f7471d200eb22880f8269bfb53c1f  ko_kaist-ud-train.tags.conllu
d033c388b81f0b5c7826be84971d0198a240e16d398488e7101629a6f195b6db  ko_kaist-ud-dev.conllu
324bfaa8b32311c02da4f99b1b5ca7aceb4bb7160410c9778002a75c3cb66045  ko_kaist-ud-test.conllu

ud-ko-gsd
2ed449cf0a91283c526fab93e0cb89736eb4fecaa9d0ed7b45ecf4fb14e3faa0  ko_gsd-ud-train.conllu
e5fb7a0fef26f7172751b2791112bbc9ae560940e4f1250b6a33f25716b5bbca  ko_gsd-ud-dev.conllu
875b8cf2223767c44c641c63a87fe266725c3e5ff0d7080732f7d5ba98eb4a19  ko_gsd-ud-test.conllu

ud-en-ewt
3fb78e2b55482c8ee00caa653af436c88c9e5bc9a73ce26e4ae3ddc79d2b7e7b  en_ewt-ud-train.conllu
531a54ff90d6ab12201c5a50c3e78e6ddac4de69abc4bce5d275d3cd29efe2b6  en_ewt-ud-dev.conllu
e266e515a0a7547657ed3d90d9ba46487d6bd251f27ad4269d4e8a427c8555cd  en_ewt-ud-test.conllu

wnut17
731820e13f71af324c6b55a1575ec2ce59fbaa2a0806f8f0400b98d56cd6a7a5  wnut17train.conll
e053b752b8155113ca66e7db08af5f2f5f43ab993694e4774f1ec5bad42312d8  emerging.dev.conll
2aa79b764e56ec9264a1b30fdd9b70195bd00ff400b62edd8f399d5f13c178f0  emerging.test.annotated

klue-ner-dev
0f4d5e818f7b82d299c3a87856fc40a706f5943207580ddb252397e387050a54  klue-ner-v1.1_dev.tsv

tatoeba-eng-fra
44c5f79b063bfa02f7b64a61c7017faa24296f414c5b1b14cd87e73249694f32  train.tsv
50cb499079f128b774946a2c5aaaad8bd3f199609d56284a7547de9f5913b0c4  dev.tsv
93c489400c8cbf6175fddf0bbe969c17b00835ab5321fb49c0da9bc71672e63a  test.tsv

tatoeba-eng-kor
3988edfd32c892ccf4450772bc3a5906ebfcf3c8648f56012df204ddf27b8280  kor.txt

korean-parallel-corpora
98e0d1284685328701410f9656098d9939ca69ab262bf69a9e1a7f9d716ef1dc  news/korean-english-park.dev.en
248e0dd8e560db90ea7b51e4959a33d67a7bba48872429bc90f416ea8acbac44  news/korean-english-park.dev.ko
76e43f2ed5ce5d20e4187fb7bb167f5771db8d06ec34c66410ea044c35eed77c  news/korean-english-park.test.en
02d1445fcdcd26f99b29a7d5bf692688634571310c1f2d1093cfb2e2d1eb6be4  news/korean-english-park.test.ko

sigmorphon2020-g2p
c0e509d5c604df2bb0d899fec7825985e2d48f6cbb7238b1cde5ab408716071f  train/kor_train.tsv
0bf3b0676254dde2f087283f39f4a2f0ef2377000d0317be9c4b6cc8ef9ea23e  dev/kor_dev.tsv
65792f869e6426358b143aac664d14af6967f088513d1c34eff3ecbc6555024e  test/kor_test.tsv

toy-seq2seq-dates
62e66a301ce8537868e725512d2a45663fc366526b7e42028cb703bda2b1c79a  date.txt

toy-seq2seq-addition
34e0746f5014c11311c9452ee9050bf14e38eca44ec4aaf4d81eba2b38674009  addition.txt
""")
